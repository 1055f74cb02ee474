-- For stories of the listener's TLS: an authority of its own, pairs that it signs, and callers in
-- processes of their own that trust whom they are told to.  Owns its folder until close().
local callbacks = require "commands.callbacks"

local M = {}
M.__index = M

local PRIVATE, SHOWN = 0x180, 0x1a4 -- 0600, 0644

local function issue(what)
  what.from_ms = what.from_ms or host.now_ms() - 60000
  local key, cert = host.crypto.issue(what)
  return { key = assert(key, cert and cert.text), cert = cert }
end

local function authority(name)
  return issue { common_name = name, days = 365 }
end

---Two roots: `old` and `new`; ca.both trusts both of them.
function M.new()
  local self = setmetatable({ dir = host.file.tempdir() }, M)
  self.old, self.new = authority "Old Test Root", authority "New Test Root"
  self.trust = { old = self.dir .. "/old.pem", new = self.dir .. "/new.pem",
    both = self.dir .. "/both.pem" }
  assert(host.file.write(self.trust.old, self.old.cert))
  assert(host.file.write(self.trust.new, self.new.cert))
  assert(host.file.write(self.trust.both, self.old.cert .. self.new.cert))
  return self
end

function M:close()
  host.file.remove(self.dir)
end

---A pair for 127.0.0.1; chain: what a server's file holds.
---@param root "old"|"new"
---@param days integer|nil
function M:pair(root, days)
  local by = self[root]
  local pair = issue { common_name = "127.0.0.1", days = days or 90, ca_key = by.key,
    ca_cert = by.cert }
  pair.chain = pair.cert .. by.cert
  return pair
end

---Puts a pair where the profile of a stage names it.
function M.put(s, chain, key)
  assert(host.file.write(s.dir .. "/tls.pem", chain, SHOWN))
  assert(host.file.write(s.dir .. "/tls.key", key, PRIVATE))
end

---What kit.with is told for a host that does TLS itself: o, with this pair.
function M:stage(o, pair)
  o.sim_env = { COSELL_CA_FILE = self.trust.both }
  o.edit = function(text, s)
    M.put(s, pair.chain, pair.key)
    return (text:gsub("listen = {", ('listen = { tls = { cert = { file = "%s/tls.pem" }, ' ..
      'key = { file = "%s/tls.key" } },'):format(s.dir, s.dir), 1)
      :gsub('public_url = "http:', 'public_url = "https:'))
  end
  return o
end

---A caller's plan: a true callback for the host of a stage.
local function plan(s, more)
  local signer, url = callbacks.signer(s)
  local body = callbacks.body(host.uuid())
  local out = { url = ("https://127.0.0.1:%d%s"):format(s.port, callbacks.path(s)), body = body,
    headers = callbacks.signed(signer, url, body) }
  out.headers.Connection = "close" -- a handshake a call
  for name, value in pairs(more or {}) do
    out[name] = value
  end
  return out
end

---A caller that trusts these roots; begins at once.
---@param trusted "old"|"new"|"both"
---@param more table|nil  { at_once=, stop= } for a load; url, headers, body
function M:caller(s, trusted, more)
  self.callers = (self.callers or 0) + 1
  local path = ("%s/plan-%d.json"):format(self.dir, self.callers)
  assert(host.file.write(path, json.encode(plan(s, more))))
  return assert(host.child.start { argv = { "caller", path },
    env = { COSELL_CA_FILE = self.trust[trusted] } })
end

---The last line of a caller that has come to its end.
function M.said(caller)
  caller:wait()
  return assert(json.decode(caller:output():match("([^\n]*)\n$") or ""), caller:output())
end

---One call: its status, or nil and why there was no answer.
function M:call(s, trusted, more)
  local out = M.said(self:caller(s, trusted, more))
  local status = next(out.statuses)
  return tonumber(status), out.why or out.body
end

return M
