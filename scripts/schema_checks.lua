--- The checks of one value of a profile, by the type of its row.
-- Owns the words that say what is wrong with a value.  It must never know a key by name.

local person = require "person"
local text = require "text"

local function loopback(name)
  return name == "localhost" or name == "[::1]" or name:match("^127%.%d+%.%d+%.%d+$") ~= nil
end

-- An address -> scheme, host (with its brackets), path, or nil
local function parts_of(url)
  local scheme, rest = url:match("^(%l+)://([^%s%c@?#]+)$")
  if not scheme then return nil end
  local name, after = rest:match("^(%[[%x:.]+%])(.*)$")
  if not name then name, after = rest:match("^([%w.-]+)(.*)$") end
  if not name then return nil end
  local path = after:gsub("^:%d+", "")
  if path ~= "" and path:sub(1, 1) ~= "/" then return nil end
  return scheme, name, path
end

local function check_url(value)
  if type(value) ~= "string" then return "is an address in quotes" end
  local scheme, name, path = parts_of(value)
  if scheme ~= "https" and scheme ~= "http" then
    return "is an address such as https://name.example/path"
  end
  if scheme == "http" and not loopback(name) then
    return "must begin with https:// (plain http is for this machine alone)"
  end
  return nil, path
end

local REFERENCE = 'is a reference: { env = "NAME" }, { file = "path" } or { credential = "name" }'

local SEALED = ', or { sealed = true }: entered by `cosell connect`, kept sealed'

local function check_ref(value, row)
  if row.sealed and type(value) == "table" and value.sealed == true and
    next(value, next(value)) == nil then
    return nil
  end
  local wanted = REFERENCE .. (row.sealed and SEALED or "")
  if type(value) == "string" then return "must not hold the secret itself; it " .. wanted end
  if type(value) ~= "table" then return wanted end
  local kind, name = next(value)
  local known = kind == "env" or kind == "file" or kind == "credential"
  if not known or next(value, kind) ~= nil or type(name) ~= "string" or name == "" then
    return wanted
  end
end

-- An address, or a reference to one; what a query holds is a secret as a rule.
local function check_receiver(value, row)
  if type(value) == "table" then return check_ref(value, row) end
  if type(value) == "string" and value:find("?", 1, true) then
    return 'has a query, which may be a secret: put the address into a file; then it ' .. REFERENCE
  end
  return (check_url(value))
end

-- Where notices go; what stands behind a "?" is part of it and mostly the secret one.
local function check_target(value, row)
  if type(value) == "table" then return check_ref(value, row) end
  return (check_url(type(value) == "string" and value:gsub("%?[^%s%c@#]*$", "") or value))
end

local function check_relay(value)
  local scheme, _, path = parts_of(tostring(value))
  if (scheme ~= "smtp" and scheme ~= "smtps") or path ~= "" and path ~= "/" then
    return "is a mail relay such as smtp://relay.example:587 or smtps://relay.example"
  end
end

local function check_address(value)
  if type(value) ~= "string" or not value:match("^[%w.!#$%%&'*+/=?^_{|}~-]+@%w[%w.-]*%w$") then
    return "is a mail address such as crm@example.com"
  end
end

local function check_strings(value)
  if type(value) ~= "table" then return "is a list of texts" end
  for k, v in pairs(value) do
    if math.type(k) ~= "integer" or type(v) ~= "string" then return "is a list of texts" end
  end
end

-- As they are compared: byte for byte, without a scheme, a port or a path.
local function check_hosts(value)
  local bad = check_strings(value)
  for _, name in ipairs(not bad and value or {}) do
    if not name:match("^[a-z0-9][a-z0-9.-]*[a-z0-9]$") or name:find("..", 1, true) then
      return ("holds %q, which is no host name in small letters"):format(name)
    end
  end
  return bad
end

local function check_names(value)
  if type(value) ~= "table" then return "is a table of names" end
  for _, v in pairs(value) do
    local bad = type(v) == "table" and check_names(v) or type(v) ~= "table" and type(v) ~= "string"
    if bad then return "holds names (texts), or tables of them" end
  end
end

local function check_string(value)
  if type(value) ~= "string" then return "is a text" end
end

--- By type of row: check(value, row) -> what is wrong, or nil.
local M
M = {
  string = check_string,
  zone = function(value)
    local hours, minutes = tostring(value):match("^[+-](%d%d):?(%d%d)$")
    local known = hours and tonumber(hours) <= 14 and tonumber(minutes) <= 59
    if value ~= "UTC" and not (known and type(value) == "string") then
      return 'is "UTC" or a distance from it such as "+09:00"'
    end
  end,
  column = function(value)
    if type(value) ~= "string" or not value:match("^[%l_][%l%d_]*$") then
      return "is a column's logical name, in small letters"
    end
  end,
  person = function(value)
    if value ~= "" and not person.read(value) then return person.FORM end
  end,
  path = function(value)
    if type(value) ~= "string" or value == "" then return "is a path" end
  end,
  boolean = function(value)
    if type(value) ~= "boolean" then return "is true or false" end
  end,
  integer = function(value, row)
    if math.type(value) ~= "integer" then return "is a whole number" end
    if row.least and value < row.least then return "is at least " .. row.least end
    if row.most and value > row.most then return "is at most " .. row.most end
  end,
  enum = function(value, row)
    for _, allowed in ipairs(row.values) do
      if value == allowed then return nil end
    end
    local near = type(value) == "string" and text.nearest(value, row.values)
    local hint = near and ("; did you mean \"%s\"?"):format(near) or ""
    return ("is one of \"%s\"%s"):format(table.concat(row.values, "\", \""), hint)
  end,
  enums = function(value, row)
    local bad = check_strings(value)
    for _, one in ipairs(not bad and value or {}) do
      bad = bad or M.enum(one, row)
    end
    return bad and bad:gsub("^is one of", "holds names of"):gsub("^is a list of texts",
      "is a list such as { \"" .. row.values[1] .. "\" }") or nil
  end,
  target = check_target,
  relay = check_relay,
  address = check_address,
  addresses = function(value)
    if type(value) ~= "table" then return check_address(value) end
    local bad = check_strings(value) or #value == 0 and "names nobody" or nil
    for _, one in ipairs(not bad and value or {}) do
      bad = bad or check_address(one) and ("holds %q, which is no mail address"):format(one)
    end
    return bad
  end,
  url = function(value) return (check_url(value)) end,
  origin = function(value)
    local bad, path = check_url(value)
    if not bad and path ~= "" and path ~= "/" then bad = "is an address without a path" end
    return bad
  end,
  loopback = function(value)
    local port = type(value) == "string" and
      (value:match("^http://localhost:?(%d*)/?[%w/._-]*$") or
        value:match("^http://127%.0%.0%.1:?(%d*)/?[%w/._-]*$") or
        value:match("^http://%[::1%]:?(%d*)/?[%w/._-]*$"))
    if not port or (tonumber(port) or 1) > 65535 then
      return "is an address of this machine such as http://localhost:8400"
    end
  end,
  ref = check_ref,
  receiver = check_receiver,
  hosts = check_hosts,
  names = check_names,
}

--- Is this the name or number of this very machine?
---@param address string
---@return boolean
M.is_loopback = loopback

--- The host in an address that was checked.
---@param url string
---@return string
function M.host_of(url)
  return select(2, parts_of(url))
end

return M
