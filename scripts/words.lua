-- The words of a command line: which are options, which are not.  It must never print.
local M = {}

---Parts words from options.  An option is `--name`, `--name=value` or `--name value`; what each
---takes stands in the table: "value", or true for none.
---@param args string[]
---@param known table<string, "value"|true>
---@return string[]|nil words, table|nil options, string|nil problem
function M.parse(args, known)
  local words, options, i = json.array {}, {}, 1
  while i <= #args do
    local name, value = args[i]:match("^%-%-([%a-]+)=?(.*)$")
    if not name then
      words[#words + 1] = args[i]
    elseif not known[name] then
      return nil, nil, "unknown option --" .. name
    elseif known[name] ~= "value" then
      options[name] = true
    elseif args[i]:find("=", 1, true) then
      options[name] = value
    else
      i = i + 1
      options[name] = args[i]
      if not options[name] then
        return nil, nil, "--" .. name .. " needs a value"
      end
    end
    i = i + 1
  end
  return words, options
end

---The same for a command: says what is wrong and how it is used.  nil: it ends with status 2.
---@param cmd table
---@param command table  the command's module, with usage
---@return string[]|nil words, table options
function M.of(cmd, command, known)
  local words, options, problem = M.parse(cmd.args, known)
  if not words then
    cmd.err(problem .. "\nusage: " .. command.usage .. "\n")
  end
  return words, options or {}
end

return M
