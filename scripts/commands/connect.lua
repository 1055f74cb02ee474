-- cosell connect: signs in to Partner Center, its webhooks and the CRM, each alone; shows who is
-- signed in, tries it, and forgets it.  A sign-in counts once real calls with it have worked: until
-- then the one before stays.
local connections = require "connections"
local sign_in = require "sign_in"
local table_text = require "table_text"
local text = require "text"
local words = require "words"

local M = { help = "sign in to Partner Center, its webhooks, the CRM", where = "host",
  usage = [[cosell connect partner-center | webhooks [--paste | --device] [--secret]
       cosell connect crm
       cosell connect partner-center | webhooks | crm --test | --forget
       cosell connect partner-center | crm --expires DATE
       cosell connect --list [--json]

  partner-center  a person signs in, with the browser of this machine
  webhooks        the same for the webhooks alone; until then they use that sign-in
    --paste       with a browser elsewhere, whose last address is pasted here
    --device      with a code that is entered in any browser
    --secret      asks for the application's secret anew
  crm             asks for the application's secret where the profile says
                  { sealed = true }; else reads what the profile names
  --test          reads what the profile names anew, and makes a real call
  --forget        what was signed in or entered here
  --expires       when the client secret ends (2031-12-31): a warning comes 14
                  days before]] }

local OPTIONS = { list = true, json = true, paste = true, device = true, secret = true, test = true,
  forget = true, expires = "value" }

local function say(cmd, head, words_of, ...)
  table_text.out(cmd, table_text.wrap(cmd, head, words_of:format(...)))
end

local function usage(cmd, why)
  cmd.err((why and why .. "\n" or "") .. "usage: " .. M.usage .. "\n")
  return 2
end

-- ---- The list ----

local COLUMNS = { { title = "CONNECTION" }, { title = "STATE" }, { title = "WHO", flex = true },
  { title = "ENDS" } }

local STATES = { ["signed in"] = { "✔ signed in", "green" }, nobody = { "✖ nobody", "red" },
  ["sign in again"] = { "✖ sign in again", "red" },
  ["partner-center"] = { "as partner-center" } }

local WAYS = { secret = "the application, by its secret",
  certificate = "the application, by its certificate" }

local function who_of(c)
  if c.name == "crm" then
    return WAYS[c.way]
  end
  return c.who and table_text.plain(c.who.upn or c.who.user or "") or ""
end

local function below(cmd, c)
  local out = {}
  local function add(words_of, ...)
    table.move(table_text.wrap(cmd, "  ", words_of:format(...)), 1, 9, #out + 1, out)
  end
  if c.who and c.who.tenant then
    add("tenant %s%s", table_text.plain(c.who.tenant),
      c.since_ms and ", signed in " .. text.date(c.since_ms) or "")
  end
  if c.tried then
    add("tried %s: %s", table_text.ago(c.tried.at_ms), table.concat(c.tried.roles, ", "))
  end
  for _, e in ipairs(c.ends) do
    add("%s: until %s%s", e.what, text.date(e.ends_ms),
      e.kind == "sign_in" and " if it is not used before" or "")
  end
  if c.why then
    add("last: %s", table_text.plain(c.why))
  end
  return out
end

local function list(cmd, as_json)
  local all, rows, status = connections.list(), {}, 0
  for i, c in ipairs(all) do
    status = (c.state == "nobody" or c.state == "sign in again") and 1 or status
    rows[i] = { c.name, STATES[c.state], who_of(c), c.ends_ms and text.date(c.ends_ms) or "",
      below = below(cmd, c) }
  end
  if as_json then
    cmd.out(json.encode(all) .. "\n")
    return status
  end
  table_text.out(cmd, table_text.lines(cmd, COLUMNS, rows))
  for _, line in ipairs(connections.warnings()) do
    say(cmd, "", "%s", line)
  end
  return status
end

-- ---- A secret ----

local GUID_ADVICE = "that looks like the secret's ID: take its Value, which the portal shows " ..
  "once, when it is made"

local function enter_secret(cmd, row)
  local line = cmd.ask(("Secret of application %s: "):format(
    host.profile.sign_in[row.owner].client_id), { secret = true })
  local secret = line and text.trim(line) or ""
  if secret == "" then
    return nil, { text = "no secret was entered" }
  elseif text.is_guid(secret) then
    return nil, { text = GUID_ADVICE }
  elseif not secret:match("^[!-~]+$") then
    return nil, { text = "that is no secret: it has no blanks, and letters without accents only" }
  end
  return secret
end

-- The secret for this sign-in: entered now, or nil: what there is.
local function secret_for(cmd, row, options)
  local c = connections.get(row.name)
  if c.sealed and (options.secret or not c.secret or row.name == "crm") and not options.test then
    return enter_secret(cmd, row)
  elseif options.secret then
    return nil, { text = "the profile names where the secret stands: replace it there, or write " ..
      "{ sealed = true } instead" }
  end
  return nil
end

-- ---- A person ----

local PERSON = { ["partner-center"] = "a user with the role Referrals admin",
  webhooks = "a user who may manage webhooks" }

local function invite(cmd, row, url)
  say(cmd, "", "Open this address in a browser, and sign in as %s, with the second factor:",
    PERSON[row.name])
  cmd.out("\n" .. url .. "\n\n") -- whole, whatever the width: it is copied
end

local function by_browser(cmd, row, audience)
  local listener, err = sign_in.listen()
  if not listener then
    return nil, err
  end
  local asked = sign_in.ask(listener.redirect, audience)
  invite(cmd, row, asked.url)
  say(cmd, "", "Waiting for the browser at %s, for ten minutes. It runs on another machine? " ..
    "Then break off with Ctrl-C, and add --paste or --device.", listener.redirect)
  local code
  code, err = listener:wait(asked)
  listener:close()
  return code, code and asked or err
end

local function by_paste(cmd, row, audience)
  local asked = sign_in.ask(host.profile.sign_in.partner_center.redirect, audience)
  invite(cmd, row, asked.url)
  say(cmd, "", "At the end the browser shows an address that begins with %s, perhaps with an " ..
    "error: copy it from the address line, whole.", asked.redirect)
  while true do
    local line = cmd.ask("Address: ")
    local query = line and sign_in.pasted(asked, line)
    local code, err = nil, { kind = "data", text = "that is not such an address" }
    if query then
      code, err = sign_in.code(asked, query)
    end
    if code or not line or err.kind ~= "data" then
      return code, code and asked or line and err or { text = "no address was pasted" }
    end
    say(cmd, "", "%s", err.text)
  end
end

local function by_device(cmd, row, tried)
  local device, err = tried:device(row.remote)
  if not device then
    return nil, err
  end
  say(cmd, "", "Open %s in any browser, enter the code %s, and sign in as %s, with the second " ..
    "factor.", device.url, device.code, PERSON[row.name])
  return sign_in.await(tried, row.remote, device)
end

-- (suspends)
local function consent(cmd, row, options, tried)
  if options.device then
    return by_device(cmd, row, tried)
  end
  local p = host.profile.sign_in.partner_center
  local audience = row.name == "webhooks" and p.webhook_audience or p.audience
  local code, asked = (options.paste and by_paste or by_browser)(cmd, row, audience)
  if not code then
    return nil, asked
  end
  return tried:redeem(row.remote, code, asked.redirect, asked.verifier)
end

-- ---- One connection ----

local function shown(cmd, row, found)
  local c = connections.get(row.name)
  local who = c.who and c.who.upn and (" as %s (tenant %s)"):format(table_text.plain(c.who.upn),
    table_text.plain(c.who.tenant or "unknown")) or ""
  say(cmd, "", "%s: signed in%s", row.name, who)
  say(cmd, "  ", "tried: %s", table.concat(found.roles, ", "))
  if found.organization then
    say(cmd, "  ", "our organisation at Partner Center: %s", table_text.plain(found.organization))
  end
  if c.way == "secret" and row.grant == row.owner and
    not host.store.mark_get("expires:" .. row.owner) then
    say(cmd, "  ", "when does the client secret end? cosell connect %s --expires DATE has you " ..
      "warned before", row.name)
  end
end

local function failed(cmd, row, err, rest)
  say(cmd, "", "✖ %s: %s", row.name, err.text)
  if rest then
    say(cmd, "  ", "%s", rest)
  end
  return 1
end

-- The webhooks, where one sign-in serves both.
local function try_webhooks(cmd)
  if not connections.serves_webhooks() then
    return 0
  end
  local found, err = connections.try("webhooks")
  if found then
    connections.note("webhooks", found)
    say(cmd, "  ", "webhooks: %s", table.concat(found.roles, ", "))
    return 0
  end
  return failed(cmd, connections.find("webhooks"), err, "until then changes come by polls alone")
end

local KEPT = "nothing was changed: what was there stays"

-- Takes a sign-in into use, if it works.
local function prove(cmd, row, tried, secret)
  local found, err = connections.try(row.name, tried)
  local kept = found
  if kept then
    kept, err = tried:keep()
  end
  if not kept then
    return failed(cmd, row, err, KEPT)
  end
  connections.note(row.name, found)
  if secret then
    connections.set_end(row, nil) -- that was the old one's
  end
  shown(cmd, row, found)
  return row.name == "partner-center" and try_webhooks(cmd) or 0
end

-- A new sign-in, or for the application alone a new reading of its secret or certificate.
local function connect(cmd, row, options)
  local secret, err = secret_for(cmd, row, options)
  local tried
  if not err then
    tried, err = host.sign_in.begin(row.grant, secret)
  end
  if not tried then
    return failed(cmd, row, err, KEPT)
  end
  local ok = true
  if row.grant ~= "crm" then
    ok, err = consent(cmd, row, options, tried)
    if not ok then
      ok, err = connections.explained(err, row.remote)
    end
  end
  local status = ok and prove(cmd, row, tried, secret) or failed(cmd, row, err, KEPT)
  tried:close()
  return status
end

-- What is in use, after what the profile names was read anew.
local function test(cmd, row)
  local tried, err = host.sign_in.begin(row.grant)
  local kept, found = tried, nil
  if kept then
    kept, err = tried:keep()
  end
  if kept then
    tried:close()
    found, err = connections.try(row.name)
  end
  if not found then
    return failed(cmd, row, err)
  end
  connections.note(row.name, found)
  shown(cmd, row, found)
  return row.name == "partner-center" and try_webhooks(cmd) or 0
end

local function forget(cmd, row)
  local ok, err = connections.forget(row)
  if not ok then
    return failed(cmd, row, err)
  end
  say(cmd, "", "%s: forgotten; %s", row.name, row.name == "webhooks" and
    "Partner Center's sign-in is used" or "what the profile names, if anything, is used")
  return 0
end

local function expires(cmd, row, date)
  local ends_ms = date:match("^%d%d%d%d%-%d%d%-%d%d$") and text.ms(date .. "T00:00:00Z")
  if connections.get(row.name).way ~= "secret" then
    return usage(cmd, "--expires is for a client secret; a certificate tells its end itself")
  elseif not ends_ms or text.date(ends_ms) ~= date then
    return usage(cmd, "--expires takes a date such as 2031-12-31")
  elseif ends_ms <= host.now_ms() then
    return usage(cmd, ("--expires %s: that is past; make a new secret first"):format(date))
  end
  connections.set_end(row, ends_ms)
  say(cmd, "", "%s: the client secret ends %s; a warning comes 14 days before", row.name, date)
  return 0
end

local PERSONS_ONLY = { "paste", "device" }

-- What does not go together, in words; nil: all does.
local function misused(row, options)
  local ways = 0
  for _, name in ipairs { "paste", "device", "test", "forget", "expires" } do
    ways = ways + (options[name] and 1 or 0)
  end
  if ways > 1 then
    return "--paste, --device, --test, --forget and --expires go one at a time"
  end
  for _, name in ipairs(PERSONS_ONLY) do
    if options[name] and row.name == "crm" then
      return ("--%s: nobody signs in to the CRM in person"):format(name)
    end
  end
  if options.expires and row.name == "webhooks" then
    return "--expires: the secret is that of partner-center"
  end
end

function M.run(cmd)
  local given, options = words.of(cmd, M, OPTIONS)
  if not given then
    return 2
  elseif options.list then
    return #given == 0 and list(cmd, options.json) or usage(cmd)
  end
  local row = #given == 1 and connections.find(given[1])
  if not row then
    return usage(cmd, given[1] and ("there is no connection '%s'"):format(given[1]))
  end
  local why = misused(row, options)
  if why then
    return usage(cmd, why)
  elseif options.forget then
    return forget(cmd, row)
  elseif options.expires then
    return expires(cmd, row, options.expires)
  elseif options.test then
    return test(cmd, row)
  end
  return connect(cmd, row, options)
end

return M
