-- Load by wrk: a pool of different requests, sent in turn, and what came of them.  Also single
-- requests to an address of this machine, for who needs a token first.
local M = {}

local function headers_text(headers)
  local out = {}
  for name, value in pairs(headers) do
    out[#out + 1] = ("[%q]=%q"):format(name, value)
  end
  return table.concat(out, ",")
end

---Requests as a Lua file, for wrk.
---@param requests {method: string|nil, path: string|nil, headers: table, body: string|nil}[]
---@return string
function M.text(requests)
  local out = { "return {" }
  for _, r in ipairs(requests) do
    out[#out + 1] = ("{method=%q,path=%s,headers={%s},body=%s},"):format(r.method or "POST",
      r.path and ("%q"):format(r.path) or "nil", headers_text(r.headers),
      r.body and ("%q"):format(r.body) or "nil")
  end
  return table.concat(out, "\n") .. "}\n"
end

---One run of wrk.
---@param url string
---@param o {connections: integer, seconds: string, pool: string, from: integer|nil}  pool: a file
---of M.text; from: the number of the request to begin with
---@return table<string, integer>  requests, us, p50, p99, status (refusals), socket (lost answers)
function M.run(url, o)
  local script = host.file.getenv "COSELL_COMMANDS" .. "/bench/wrk.lua"
  local child = assert(host.child.start { path = host.file.getenv "COSELL_BENCH_WRK",
    argv = { "-t1", "-c" .. o.connections, "-d" .. o.seconds, "--timeout", "10s", "-s", script,
      url, "--", o.pool, tostring(o.from or 0) } })
  child:wait()
  local line = child:output():match("figures ([^\n]+)")
  if not line then
    error("wrk gave no figures:\n" .. child:output(), 0)
  end
  local f = {}
  for name, value in line:gmatch("(%w+)=(%d+)") do
    f[name] = tonumber(value)
  end
  return f
end

local ASK = 'exec 3<>"/dev/tcp/127.0.0.1/$0"; printf "%s" "$1" >&3; cat <&3'

---One request to an address of this machine; the JSON of its answer.
---@param base string  http://127.0.0.1:PORT
---@param r {method: string, path: string, headers: table|nil, body: string|nil}
---@return table
function M.ask(base, r)
  local body = r.body or ""
  local lines = { ("%s %s HTTP/1.1"):format(r.method, r.path), "Host: 127.0.0.1",
    "Connection: close", "Content-Length: " .. #body }
  for name, value in pairs(r.headers or {}) do
    lines[#lines + 1] = name .. ": " .. value
  end
  local child = assert(host.child.start { path = "/bin/bash", argv = { "-c", ASK,
    base:match("%d+$"), table.concat(lines, "\r\n") .. "\r\n\r\n" .. body } })
  child:wait()
  local answer = json.decode(child:output():match("\r\n\r\n(.*)$") or "")
  return answer or error(("%s %s: no JSON in the answer:\n%s"):format(r.method, r.path,
    child:output()), 0)
end

return M
