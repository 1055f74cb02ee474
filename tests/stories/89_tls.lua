-- Story 89: TLS by the host itself.  Callbacks come by https; a renewed certificate is taken over
-- under load without a failed call; a renewal that is no good is refused and the old one stays;
-- what is wrong at the start is said; and a person hears in time that it ends.
local authority = require "commands.authority"
local callbacks = require "commands.callbacks"
local kit = require "commands.kit"

local function says(s, words)
  return kit.wait("the host to say: " .. words, function()
    return s.host:output():find(words, 1, true)
  end)
end

local function asked(s)
  local out = {}
  for _, item in ipairs(s:status().to_do) do
    if item.what == "certificate" then
      out[#out + 1] = item.text
    end
  end
  return out
end

-- ---- a deal by https ----

local function arrives(t, s)
  t.has(s.host:output(), ("callbacks on https://127.0.0.1:%d/callback/"):format(s.port))
  s:act("portal-create", { name = "By https" })
  kit.wait("the deal, by callback", function() return kit.opportunity(s) end)
  s:rest()
  t.eq(s:runs(1)[1].trigger, "callback")
  t.ok(s:status().callbacks.stored > 0, "stored")
  t.has(s:command("status"), "TLS by this host, its certificate ends ")
  t.eq(asked(s), {}, "nobody is asked for anything")
end

local function plain(t, s)
  local stored = s:status().callbacks.stored
  local signer, url = callbacks.signer(s)
  local body = callbacks.body(host.uuid())
  local answer, err = host.http.request { method = "POST", body = body,
    headers = callbacks.signed(signer, url, body),
    url = ("http://127.0.0.1:%d%s"):format(s.port, callbacks.path(s)) }
  t.eq({ answer, err and err.kind }, { nil, "net" }, "not one byte")
  kit.wait("that it is counted", function() return s:status().callbacks.ungreeted > 0 end)
  t.has(s:command("status"), "without TLS, the last: http request")
  t.eq(s:status().callbacks.stored, stored, "nothing was taken")
end

local function strangers(t, s, ca)
  local status, body = ca:call(s, "both", { url = ("https://127.0.0.1:%d/callback/%s"):format(
    s.port, ("x"):rep(32)) })
  t.eq({ status, body }, { 401, "" }, "a wrong secret, by https")
end

-- ---- renewal under load ----

local RENEWALS = 6

local function renewed(t, s, ca, pairs_of)
  local stop = ca.dir .. "/stop"
  local load = ca:caller(s, "both", { at_once = 4, stop = stop })
  t.ok(load:line(20000), "calls are answered")
  for i = 1, RENEWALS do
    local root = i % 2 == 1 and "new" or "old"
    authority.put(s, pairs_of[root].chain, pairs_of[root].key)
    kit.wait("the renewed one, " .. i, function() return ca:call(s, root) == 200 end)
    local _, why = ca:call(s, root == "new" and "old" or "new")
    t.has(why, "certificate", "who trusts the other root alone")
  end
  assert(host.file.write(stop, ""))
  local out = authority.said(load)
  t.eq({ out.failed, out.statuses }, { 0, { ["200"] = out.calls } }, out.why)
  t.ok(out.calls >= RENEWALS * 10, "calls meanwhile: " .. out.calls)
  t.eq(asked(s), {})
end

-- ---- bad renewals ----

-- key and chain are put there; nobody is greeted with them, and the old pair stays.
local function refused(t, s, ca, chain, key, why)
  authority.put(s, chain, key)
  says(s, why)
  t.has(s.host:output(), "; it is not used, the certificate that is valid until ")
  t.has(asked(s)[1], "the renewed certificate is not used: ")
  t.has(asked(s)[1], why)
  t.eq((ca:call(s, "old")), 200, why)
end

local function bad_renewals(t, s, ca, old, new)
  local function bad(chain, key, why) refused(t, s, ca, chain, key, why) end
  bad(new.chain:sub(1, 700), new.key, "the certificate cannot be read")
  bad(new.chain, old.key, "the private key does not belong to the certificate")
  bad(new.chain, new.key:sub(1, 900), "the private key cannot be read")
  bad(new.cert, new.key, "the certificate of its issuer (CN = New Test Root) is missing")
  local past = ca:pair("new", -3)
  bad(past.chain, past.key, "the new certificate ended at ")
  host.file.remove(s.dir .. "/tls.key")
  says(s, "listen.tls.key: " .. s.dir .. "/tls.key: cannot be opened")
  t.eq((ca:call(s, "old")), 200, "without a key on disk")
  local _, errors = s.host:output():gsub("error listen%.tls", "")
  t.ok(errors >= 6 and errors <= 8, "each is said once: " .. errors)
  authority.put(s, new.chain, new.key)
  kit.wait("the good one", function() return ca:call(s, "new") == 200 end)
  t.eq((ca:call(s, "old")), nil, "who trusts the other root alone")
  t.eq(asked(s), {})
end

-- A refusal is said once, however often the files are looked at; who asks hears it again.
local function at_hup(t, s, new)
  authority.put(s, new.chain:sub(1, 800), new.key)
  local function said()
    return select(2, s.host:output():gsub("the certificate cannot be read", ""))
  end
  local before = said()
  kit.wait("the refusal", function() return said() == before + 1 end)
  s.host:kill "HUP"
  kit.wait("the answer", function() return said() == before + 2 end)
  t.eq(#asked(s), 1)
end

-- ---- at the start ----

local function edit_profile(s, from, to)
  local path = s.profile .. "/profile.lua"
  local text, n = assert(host.file.read(path)):gsub(from, to)
  assert(n > 0, from)
  assert(host.file.write(path, text))
end

local BAD = {
  { "certificate without chain", function(s, p) authority.put(s, p.cert, p.key) end,
    "the certificate of its issuer (CN = Old Test Root) is missing, so callers cannot check it: " ..
    "put the issuers' certificates behind it in the same file, as in a fullchain.pem" },
  { "key of another certificate", function(s, p, ca) authority.put(s, p.chain, ca.new.key) end,
    "the private key does not belong to the certificate" },
  { "no certificate there", function(s) host.file.remove(s.dir .. "/tls.pem") end,
    "tls.pem: cannot be opened: No such file or directory" },
  { "key that others can read", function(s, p)
    assert(host.file.write(s.dir .. "/tls.key", p.key, 0x1a4))
  end, "tls.key: others can read or write it (mode 0644): chmod 600 " },
  { "certificate that others can write", function(s)
    host.child.start({ path = "/bin/chmod", argv = { "666", s.dir .. "/tls.pem" } }):wait()
  end, "tls.pem: others can write it (mode 0666): chmod 644 " },
  { "a certificate without a key", function(s)
    edit_profile(s, 'key = { file = "[^"]*/tls.key" } },', "},")
  end, "listen.tls: needs `cert` and `key`" },
  { "a key in the profile itself", function(s)
    edit_profile(s, 'key = { file = "[^"]*/tls.key" }', 'key = "secret"')
  end, "listen.tls.key: must not hold the secret itself" },
}

-- Each on the same stage, whose profile and pair are good before and after.
local function bad_starts(t, ca)
  local pair = ca:pair "old"
  kit.with(ca:stage({ host = false }, pair), function(s)
    local path = s.profile .. "/profile.lua"
    local good = assert(host.file.read(path))
    for _, bad in ipairs(BAD) do
      t.case("story 89: at the start: " .. bad[1], function()
        bad[2](s, pair, ca)
        s:host_start { profile = s.profile, state = s.state }
        says(s, bad[3])
        t.eq(s.host:wait().exit, 1)
        assert(host.file.write(path, good))
        authority.put(s, pair.chain, pair.key)
      end)
    end
    s.host = nil
  end)
end

-- ---- its end ----

local function ends(t, ca)
  kit.with(ca:stage({}, ca:pair("old", 10)), function(s)
    says(s, "warn  listen.tls.cert: the certificate ends in 9 days, at ")
    t.eq(asked(s), { "the listener's certificate ends in 9 days: renew the files that " ..
      "listen.tls names" })
    local fresh = ca:pair "old"
    authority.put(s, fresh.chain, fresh.key)
    kit.wait("that nobody is asked any more", function() return #asked(s) == 0 end)
  end)
  kit.with(ca:stage({ host = false }, ca:pair("old", -2)), function(s)
    s:host_start { profile = s.profile, state = s.state }
    s:host_ready()
    says(s, "error listen.tls.cert: the certificate ended at ")
    t.has(asked(s)[1], "the listener's certificate has ended: callers refuse it")
    s:act("portal-create", { name = "By the poll" })
    s:rest()
    t.ok(kit.opportunity(s), "changes come by polls")
  end)
end

return function(t)
  local ca = authority.new()
  local old, new = ca:pair "old", ca:pair "new"
  kit.with(ca:stage({}, old), function(s)
    t.case("story 89: a deal arrives by https of the host itself", function() arrives(t, s) end)
    t.case("story 89: plain HTTP at that port gets nothing, and status says so", function()
      plain(t, s)
    end)
    t.case("story 89: a wrong secret is an empty 401 there too", function()
      strangers(t, s, ca)
    end)
    t.case("story 89: certificates are renewed under load, and no callback fails", function()
      renewed(t, s, ca, { old = old, new = new })
    end)
    t.case("story 89: a renewal that is no good is refused, said, and the old one stays",
      function() bad_renewals(t, s, ca, old, new) end)
    t.case("story 89: HUP looks at once", function() at_hup(t, s, new) end)
  end)
  bad_starts(t, ca)
  t.case("story 89: a person hears fourteen days before it ends, and when it has", function()
    ends(t, ca)
  end)
  ca:close()
end
