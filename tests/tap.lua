-- Checks and their report: "ok"/"not ok" lines, and counts.  A case ends at its first failed check.
local M = {}

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b
  end
  for k, v in pairs(a) do
    if not same(v, b[k]) then
      return false
    end
  end
  for k in pairs(b) do
    if a[k] == nil then
      return false
    end
  end
  return true
end

---What a raised value says.
function M.message(err)
  return tostring(type(err) == "table" and (err.check or err.text) or err)
end

---Takes `--case TEXT` out of a command's words.
---@param args string[]
---@return string[] names, string|nil case
function M.words(args)
  local names, case = { table.unpack(args) }, nil
  if names[#names - 1] == "--case" then
    case = table.remove(names)
    table.remove(names)
  end
  return names, case
end

---@param out function  takes text
---@param only string|nil  what the name of a case must hold to be run
function M.new(out, only)
  local t = { passed = 0, failed = 0 }

  local function fail(message)
    error({ check = message }, 0)
  end

  local function shown(value)
    return type(value) == "table" and json.encode(value) or tostring(value)
  end

  ---Equal, tables member by member.
  function t.eq(got, want, what)
    if not same(got, want) then
      fail(("%sgot %s, want %s"):format(what and what .. ": " or "", shown(got), shown(want)))
    end
  end

  function t.ok(value, what)
    if not value then
      fail(what or "not true")
    end
  end

  function t.has(text, part, what)
    if type(text) ~= "string" or not text:find(part, 1, true) then
      fail(("%s%s does not hold %s"):format(what and what .. ": " or "", shown(text), shown(part)))
    end
  end

  ---Runs one case; anything raised in it is its failure.
  function t.case(name, run)
    if only and not name:find(only, 1, true) then
      return true
    end
    local ok, err = pcall(run)
    if ok then
      t.passed = t.passed + 1
      out("ok - " .. name .. "\n")
      return true
    end
    t.failed = t.failed + 1
    out("not ok - " .. name .. "\n#   " .. M.message(err):gsub("\n", "\n#   ") .. "\n")
    return false
  end

  function t.close()
    out(("%d passed, %d failed\n"):format(t.passed, t.failed))
    return t.failed == 0 and t.passed > 0 and 0 or 1
  end

  return t
end

return M
