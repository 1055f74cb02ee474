-- Story 13: files change while deals pour in: each deal arrives once, by a mapping that was proved
-- good, and what cannot be taken over in flight is said.
local kit = require "commands.kit"

local DEALS = 60
local SWAPS = 30

local GOOD = [[
return { api = 1, opportunity = { create = function(d, v)
  v.description = "good %d"
end } }
]]

-- All but the first would answer, if anybody asked them.  Line 3 is where each is wrong.
local BROKEN = {
  [[
return { api = 1, opportunity = { create = function(d, v)
  v.description = "broken"
end end } }
]], [[
return { api = 1, opportunity = { create = function(d, v)
  v.description = "broken" end,
  creat = 1,
} }
]], [[
local answers = { api = 1, opportunity = { create = function(d, v)
  v.description = "broken" end } }
error("not today")
return answers
]], [[
return { opportunity = { create = function(d, v)
  v.description = "broken" end },
  api = 2,
}
]], [[
local answers = { api = 1, opportunity = { create = function(d, v)
  v.description = "broken" end } }
while true do end
return answers
]],
}

local function write(s, name, text)
  assert(host.file.write(s.profile .. "/" .. name, text))
end

local function reload(s)
  local status = s:status()
  return status.reload.error, status.generation
end

-- One file after the other, each seen through to its end, with two deals at a time meanwhile.
-- -> by generation: the mark that its mapping leaves
local function swap_all(t, s)
  local marks, _, current = {}, reload(s)
  marks[current] = "good 0"
  for i = 1, SWAPS do
    local broken = i % 2 == 0 and BROKEN[(i // 2 - 1) % #BROKEN + 1]
    s:set("delivery_delay_ms", i * 37 % 300) -- some are heard of just as files change
    write(s, "details.lua", broken or GOOD:format(i))
    for _ = 1, DEALS // SWAPS do
      s:act("portal-create", { name = "Deal " .. i, customer = "Customer " .. i })
    end
    if broken then
      local why = kit.wait("refusal " .. i, function() return (reload(s)) end)
      t.has(why, "details.lua:3")
    else
      kit.wait("generation " .. i, function()
        local why, generation = reload(s)
        return generation > current and why == nil
      end)
      current = current + 1
      marks[current] = "good " .. i
    end
    t.eq(select(2, reload(s)), current, "generation after swap " .. i)
  end
  return marks
end

local function created_by(s)
  local out = {}
  for _, run in ipairs(s:runs(10000)) do
    if run.outcome == "created" then
      out[run.detail.row] = run.generation
    end
  end
  return out
end

local function under_load(t)
  kit.with({ files = { ["details.lua"] = GOOD:format(0) } }, function(s)
    local first, accounts = select(2, reload(s)), #s:rows("crm:account")
    local marks = swap_all(t, s)
    kit.wait("all deals", function() return #kit.opportunities(s) >= DEALS end)
    s:rest()
    t.eq(select(2, reload(s)), first + SWAPS // 2, "generations")
    local ours = kit.referrals(s)
    t.eq(#ours, DEALS, "referrals")
    local generations, rows = created_by(s), {}
    for _, o in ipairs(kit.opportunities(s)) do
      t.ok(not rows[o.identifier], "two rows for one deal")
      rows[o.identifier] = o
      t.eq(o.notes, marks[generations[o.id]] or "the mark of a generation", o.name)
    end
    for _, r in ipairs(ours) do
      t.eq(r.externalReferenceId, rows[r.id] and rows[r.id].id, r.name)
    end
    t.eq(#kit.opportunities(s), DEALS, "opportunities")
    t.eq(#s:rows("crm:account"), accounts + SWAPS, "accounts")
    t.eq(#s:status().failed, 0, "dead letters")
    kit.quiet(t, s)
  end)
end

local function restart_key(t)
  kit.with({}, function(s)
    local good = kit.profile_text(s, s.port)
    write(s, "profile.lua", (good:gsub("port = %d+", "port = 1", 1)))
    t.eq(kit.wait("the word", function() return s:status().needs_restart end), "listen")
    t.has((s:command("status")), "needs a restart")
    s:act("portal-create", { name = "On the old port" })
    kit.wait("the deal, by callback", function() return kit.opportunity(s) end)
    s:rest()
    t.eq(#kit.opportunities(s), 1, "opportunities")
    write(s, "profile.lua", good)
    kit.wait("the word taken back", function() return not s:status().needs_restart end)
    t.ok(not (s:command("status")):find("needs a restart", 1, true), "status still says it")
  end)
end

local function reload_key(t)
  kit.with({}, function(s)
    local before = s:status().generation
    write(s, "profile.lua", kit.profile_text(s, s.port, { display_check_mark = "false" }))
    kit.wait("the new generation", function() return s:status().generation > before end)
    t.eq(s:status().needs_restart, nil, "needs a restart")
    s:act("portal-create", { name = "Without a mark" })
    s:rest()
    t.eq(kit.opportunity(s).name, "Without a mark")
  end)
end

local function bad_profile(t)
  kit.with({}, function(s)
    local good, before = kit.profile_text(s, s.port), s:status().generation
    write(s, "profile.lua", (good:gsub("client_id", "clent_id", 1)))
    local why = kit.wait("the refusal", function() return (reload(s)) end)
    t.has(why, "profile.lua:7: crm.clent_id: unknown key; did you mean `client_id`?")
    t.has((s:command("status")), "crm.clent_id")
    t.eq(s:status().generation, before)
    s:act("portal-create", { name = "By the old profile" })
    s:rest()
    t.eq(#kit.opportunities(s), 1, "opportunities")
    write(s, "profile.lua", good)
    kit.wait("the refusal taken back", function() return not reload(s) end)
    t.eq(s:status().generation, before, "the same files are the same generation")
  end)
end

return function(t)
  t.case("story 13: 60 deals arrive once each while the mapping is swapped 30 times", function()
    under_load(t)
  end)
  t.case("story 13: a changed key that needs a restart is said, and work goes on", function()
    restart_key(t)
  end)
  t.case("story 13: a changed setting counts from the next deal on", function() reload_key(t) end)
  t.case("story 13: a broken profile is refused with key and line, the old one runs", function()
    bad_profile(t)
  end)
end
