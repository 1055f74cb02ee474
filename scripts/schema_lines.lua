--- The line on which each key of a profile stands, by a scan of the text's tokens.
-- Understands strings, long brackets, comments, nested tables and function bodies; runs nothing.
-- A key that is computed has no line, and that is no error.

local M = {}

local OPENS = { ["function"] = true, ["do"] = true, ["if"] = true, ["repeat"] = true }
local CLOSES = { ["end"] = true, ["until"] = true }

local function newlines(s)
  local _, n = s:gsub("\n", "")
  return n
end

local ESCAPES = { n = "\n", t = "\t", r = "\r" }

local function unquote(s)
  return (s:sub(2, -2):gsub("\\(.)", function(c) return ESCAPES[c] or c end))
end

-- One token at a position -> kind, value, position after it
local function token_at(text, at)
  local equals = text:match("^%[(=*)%[", at)
  if equals then
    local close = "]" .. equals .. "]"
    local _, stop = text:find(close, at, true)
    stop = stop or #text
    return "string", text:sub(at + 2 + #equals, stop - #close), stop + 1
  end
  local char = text:sub(at, at)
  if char == '"' or char == "'" then
    local stop = at + 1
    while stop <= #text and text:sub(stop, stop) ~= char do
      stop = stop + (text:sub(stop, stop) == "\\" and 2 or 1)
    end
    return "string", unquote(text:sub(at, stop)), stop + 1
  end
  local name = text:match("^[%a_][%w_]*", at)
  if name then return "name", name, at + #name end
  local number = text:match("^%.?%d[%w%.]*", at)
  if number then return "number", number, at + #number end
  local sign = text:match("^[=~<>]=", at) or text:match("^%.%.+", at) or char
  return "sign", sign, at + #sign
end

-- Position after white space and comments.
local function skip(text, at)
  while true do
    at = text:find("%S", at)
    if not at then return nil end
    if text:sub(at, at + 1) ~= "--" then return at end
    local equals = text:match("^%[(=*)%[", at + 2)
    local _, stop
    if equals then
      _, stop = text:find("]" .. equals .. "]", at, true)
    else
      stop = text:find("\n", at, true)
    end
    if not stop then return nil end
    at = stop + 1
  end
end

local function tokens_of(text)
  local out, at, line, counted = {}, 1, 1, 1
  if text:sub(1, 1) == "#" then at = text:find("\n", 1, true) or #text + 1 end
  while true do
    at = skip(text, at)
    if not at then return out end
    line = line + newlines(text:sub(counted, at - 1))
    counted = at
    local kind, value, after = token_at(text, at)
    out[#out + 1] = { kind = kind, value = value, line = line }
    at = after
  end
end

local function is(token, kind, value)
  return token ~= nil and token.kind == kind and (value == nil or token.value == value)
end

-- A key at this token: `name =` or `["name"] =` -> key, tokens it takes
local function key_at(tokens, i)
  if is(tokens[i], "name") and is(tokens[i + 1], "sign", "=") then return tokens[i].value, 2 end
  if is(tokens[i], "sign", "[") and is(tokens[i + 1], "string")
    and is(tokens[i + 2], "sign", "]") and is(tokens[i + 3], "sign", "=") then
    return tokens[i + 1].value, 4
  end
  return nil, 1
end

-- A statement outside of all tables: `profile.crm.url =` -> "profile", "crm.url", tokens it takes
local function statement_at(tokens, i)
  if not is(tokens[i], "name") then return nil end
  local names, at = {}, i + 1
  while is(tokens[at], "sign", ".") and is(tokens[at + 1], "name") do
    names[#names + 1] = tokens[at + 1].value
    at = at + 2
  end
  if not is(tokens[at], "sign", "=") then return nil end
  return tokens[i].value, table.concat(names, "."), at + 1 - i
end

-- Position after the `end` of the function body that begins at i.
local function after_function(tokens, i)
  local depth = 0
  while tokens[i] do
    local word = tokens[i].kind == "name" and tokens[i].value
    if OPENS[word] then depth = depth + 1 end
    if CLOSES[word] then depth = depth - 1 end
    i = i + 1
    if depth == 0 then return i end
  end
  return i
end

local function joined(prefix, key)
  return prefix == "" and key or prefix .. "." .. key
end

-- Records the keys of the table whose `{` stands at i; -> position after its `}`.
local function scan_table(tokens, i, prefix, lines)
  local items, expects_key, inside = 0, true, prefix
  i = i + 1
  while tokens[i] and not is(tokens[i], "sign", "}") do
    local token = tokens[i]
    local key, taken
    if expects_key then key, taken = key_at(tokens, i) end
    if expects_key and not key then
      items = items + 1
      inside = joined(prefix, tostring(items))
      lines[inside] = lines[inside] or token.line
    end
    if key then
      inside = joined(prefix, key)
      lines[inside] = lines[inside] or token.line
      i = i + taken
    elseif is(token, "sign", "{") then
      i = scan_table(tokens, i, inside, lines)
    elseif is(token, "name", "function") then
      i = after_function(tokens, i)
    else
      i = i + 1
    end
    expects_key = is(token, "sign", ",") or is(token, "sign", ";")
  end
  return i + 1
end

-- Which variable the chunk returns, if it returns one.
local function returned(tokens)
  for i = #tokens - 1, 1, -1 do
    if is(tokens[i], "name", "return") and is(tokens[i + 1], "name") then
      return tokens[i + 1].value
    end
  end
  return nil
end

--- The line of each key, by its dotted path.
---@param text string
---@return table<string, integer>
function M.of(text)
  local tokens, lines, i = tokens_of(text), {}, 1
  local root = returned(tokens)
  while tokens[i] do
    local name, path, taken = statement_at(tokens, i)
    local value = name and i + taken or i + 1
    local ours = name and name == root or is(tokens[i], "name", "return")
    if ours and path and path ~= "" then lines[path] = lines[path] or tokens[i].line end
    if name or ours then
      if is(tokens[value], "sign", "{") then
        i = scan_table(tokens, value, path or "", ours and lines or {})
      else
        i = value
      end
    elseif is(tokens[i], "name", "function") then
      i = after_function(tokens, i)
    else
      i = i + 1
    end
  end
  return lines
end

return M
