-- Items 70, 71: the audit text in the language of the CRM's organisation: a deal arrives, is sent,
-- refused and mended, both sides change it, Microsoft answers.
local kit = require "commands.kit"
local rules = require "commands.rules"

-- Runs body(s) where the organisation has that language from its beginning.
local function speaking(code, settings, body)
  kit.with({ host = false, settings = settings }, function(s)
    s:act("edit", { table = "organization", id = s:rows("crm:organization")[1].organizationid,
      values = { languagecode = code } })
    s:host_start { profile = s.profile, state = s.state, env = { COSELL_LOG = "debug" } }
    s:host_ready()
    kit.registered(s)
    body(s)
  end)
end

local function audit(s, row)
  return kit.opportunity(s, row).audit
end

-- The newest line without its time.
local function newest(s, row)
  return audit(s, row):match("^%S+ %S+ %S+  ([^\n]*)")
end

-- What a language says of each step; "%s" is a link.
local SAID = {
  [1041] = {
    created = "パートナー センターの案件から作成しました：https://",
    received = "パートナー センターから反映しました：メモ：as made → changed there",
    refused = "パートナー センターへ送信していません：Microsoft の支援を依頼するには取引先担当者が必要です。選択してください",
    sent = "共同販売案件としてパートナー センターへ送信しました：https://",
    conflict = "メモが両方で変更されました。CRM の値 ours を採用しました (パートナー センター：theirs)",
    accepted = "Microsoft が案件を承諾しました",
    won = "パートナー センターへ送信しました：状態：進行中 → 受注",
    failed = "同期できませんでした：",
  },
  [1031] = {
    created = "Aus Partner Center angelegt: https://",
    received = "Aus Partner Center übernommen: Notizen: as made → changed there",
    refused = "Nicht an Partner Center gesendet: Microsoft soll helfen, aber der Kontakt fehlt: " ..
      "Bitte auswählen",
    sent = "Als Co-Sell-Geschäft an Partner Center gesendet: https://",
    conflict = "Notizen: auf beiden Seiten geändert; ours aus dem CRM behalten, Partner Center " ..
      "hatte theirs",
    accepted = "Microsoft hat das Geschäft angenommen",
    won = "An Partner Center gesendet: Status: aktiv → gewonnen",
    failed = "Nicht synchronisiert: ",
  },
}

local ENGLISH = { "Partner Center:", "Created", "Sent", "From", "changed {", "deal", "notes",
  "Microsoft accepted", "state" }

local function arrives(t, s, said)
  local deal = s:act("portal-create", { name = "Plant", value = 1000, currency = "EUR",
    notes = "as made" }).id
  s:rest()
  local row = kit.opportunity(s).id
  t.has(newest(s, row), said.created)
  s:act("edit", { id = deal, notes = "changed there" })
  s:rest()
  t.eq(newest(s, row), said.received)
  rules.both_change(s, row, { description = "ours" }, deal, { notes = "theirs" })
  s:rest()
  t.has(audit(s, row), said.conflict)
  s:set("lose_callbacks", false)
  return row
end

local function contact_for(s, row)
  local account = kit.opportunity(s, row).row._parentaccountid_value
  local contact = s:act("create", { table = "contact", values = { firstname = "Ute",
    lastname = "Kern", emailaddress1 = "ute@nordlicht.example", telephone1 = "+49431000001",
    parentcustomerid = { table = "account", id = account } } })
  rules.edit(s, row, { parentcontactid = { table = "contact", id = contact.id } })
end

local function goes_out(t, s, said)
  local row = s:act("create-opportunity", rules.deal { contact = false,
    help = "Quotes / licensing" }).id
  s:rest()
  t.eq(newest(s, row), said.refused)
  kit.quiet(t, s)
  contact_for(s, row)
  s:rest()
  t.has(newest(s, row), said.sent)
  local _, theirs = kit.referrals(s)
  s:act("microsoft-accept", { id = theirs[1].id })
  s:rest()
  t.has(audit(s, row), said.accepted)
  return row
end

local function whole_life(t, code, settings)
  speaking(settings and 1033 or code, settings, function(s)
    local said = SAID[code]
    local texts = { audit(s, arrives(t, s, said)) }
    local row = goes_out(t, s, said)
    s:act("win", { id = row })
    s:rest()
    t.has(audit(s, row), said.won)
    texts[2] = audit(s, row)
    for _, word in ipairs(code == 1041 and ENGLISH or {}) do
      local text = table.concat(texts, "\n"):gsub("https://%S+", "")
      t.ok(not text:find(word, 1, true), word .. " in " .. text)
    end
    kit.quiet(t, s)
  end)
end

-- The same is told once, also after the language has changed.
local function once_in_any(t)
  rules.sent({}, function(s, row, deal)
    local poor = s:act("create-opportunity", rules.deal { name = "Poor", solutions = {} }).id
    s:rest()
    s:act("edit", { id = deal, currency = "SEK", value = 70000 })
    s:rest()
    local before = { audit(s, row), audit(s, poor) }
    t.has(before[2], "no Microsoft solution is chosen")
    t.has(before[1], "currency SEK does not exist in the CRM")
    local generation = s:status().generation
    assert(host.file.write(s.profile .. "/profile.lua",
      kit.profile_text(s, s.port, { audit_language = '"ja"' })))
    kit.wait("the new generation", function() return s:status().generation > generation end)
    s:command("sync", { "--all", "--apply" })
    s:rest()
    t.eq({ audit(s, row), audit(s, poor) }, before, "told again")
    kit.describe(s, row, "next")
    s:rest()
    t.has(newest(s, row), "パートナー センターへ送信しました：メモ：v0 → next")
  end)
end

-- A seller's clock, and a refusal that is not ours: cause and what helps.
local function local_time(t)
  speaking(1041, { time_zone = '"+09:00"' }, function(s)
    s:act("portal-create", { name = "Plant", value = 1000, currency = "EUR" })
    s:rest()
    local stamp, said = audit(s):match("^(%S+ %S+ %S+)  (.*)$")
    t.has(stamp, " UTC+09:00")
    t.has(said, "作成しました")
    kit.quiet(t, s)
  end)
end

local BROKEN = [[return { api = 1, opportunity = {
  update = function(d) if d.notes == "bad" then error("a mistake of ours") end end } }]]

local function failure(t, code)
  kit.with({ files = { ["details.lua"] = BROKEN },
    settings = { audit_language = code == 1041 and '"ja"' or '"de"' } }, function(s)
    local deal = s:act("portal-create", { name = "Plant", notes = "good" }).id
    s:rest()
    s:act("edit", { id = deal, notes = "bad" })
    s:rest()
    t.has(newest(s), SAID[code].failed)
    t.has(newest(s), "a mistake of ours", "the cause")
    t.has(newest(s), "`cosell runs`", "what helps")
    t.has(kit.opportunity(s).name, "✖ ")
  end)
end

-- Japanese letters, bounded by the setting: whole lines, newest first; the state keeps them all.
local function bounded(t)
  speaking(1041, { audit_max = 400 }, function(s)
    local deal = s:act("portal-create", { name = "Plant", notes = "0" }).id
    s:rest()
    for i = 1, 12 do
      s:act("edit", { id = deal, notes = ("%d %s"):format(i, ("海"):rep(20)) })
      s:rest()
    end
    local text, first = audit(s), nil
    t.ok(utf8.len(text) <= 400 and utf8.len(text) > 250, "length " .. tostring(utf8.len(text)))
    for line in text:gmatch("[^\n]+") do
      local n = math.tointeger(tonumber(line:match("→ (%d+) 海")))
      t.ok(n and (not first and n == 12 or n == first - 1), line)
      first = n
    end
    local history = s:command_json("deal", { deal }).history
    t.eq(#history, 13, "lines of the whole history")
    t.has(history[#history].text, "作成しました", "its oldest line")
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("item 70: a Japanese CRM reads Japanese", function() whole_life(t, 1041) end)
  t.case("item 70: a German CRM reads German", function() whole_life(t, 1031) end)
  t.case("item 70: the setting audit_language goes before the organisation's", function()
    whole_life(t, 1031, { audit_language = '"de"' })
  end)
  t.case("item 70: the same is told once, in whatever language", function() once_in_any(t) end)
  t.case("item 70: a line begins with the seller's own time", function() local_time(t) end)
  t.case("item 70: a failure is told in Japanese with what helps", function() failure(t, 1041) end)
  t.case("item 70: a failure is told in German with what helps", function() failure(t, 1031) end)
  t.case("item 71: whole lines within the bound, newest first; the history has them all",
    function() bounded(t) end)
end
