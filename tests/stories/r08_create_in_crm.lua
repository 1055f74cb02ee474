-- Rule 8: what is made in the CRM is made once, whatever is lost on the way; bookkeeping columns
-- are put right when somebody edits them.
local kit = require "commands.kit"
local rules = require "commands.rules"

local function made(s)
  return { #kit.opportunities(s), #s:rows("crm:account"), #s:rows("crm:contact"),
    #s:rows("crm:msft_microsoftsolution") }
end

-- The change set is carried out and its answer is lost.
local function answer_lost(t, honoured)
  kit.with({}, function(s)
    s:set("changeset_if_none_match", honoured)
    s:rest() -- what the CRM is like is known: the next batch is the look-up, then the change set
    local before = made(s)
    s:fault("crm", { method = "POST", path = "$batch", drop = "after", skip = 1, count = 1 })
    s:act("portal-create", {})
    kit.wait("the CRM id at Partner Center", function()
      return kit.referrals(s)[1].externalReferenceId
    end)
    s:rest()
    local after = made(s)
    for i, n in ipairs(after) do
      after[i] = n - before[i]
    end
    t.eq(after, { 1, 1, 1, 1 }, "opportunity, account, contact, solution")
    kit.quiet(t, s)
  end)
end

local function restored(t)
  kit.started(function(s, deal, row)
    local link = kit.opportunity(s).link
    rules.edit(s, row, { [rules.IDENTIFIER] = "typed by somebody", [rules.LINK] = json.null })
    s:rest()
    local o = kit.opportunity(s)
    t.eq({ o.identifier, o.link }, { deal, link })
    t.eq(rules.referral(s, deal).externalReferenceId, row)
    kit.quiet(t, s)
  end)
end

-- A key of the customer's own stands in the way: said, and the next deal comes.
local function own_key(t)
  kit.with({}, function(s)
    s:act("define-key", { table = "account", columns = { "name" }, name = "one_name" })
    local deal = s:act("portal-create", {}).id
    kit.wait("what stands in the way", function() return s:status().failed[1] end)
    t.eq(#kit.opportunities(s), 0, "nothing half made")
    local said = s:status().failed[1].text
    t.ok(said:find("key", 1, true) or said:find("duplicate", 1, true), said)
    s:act("portal-create", { name = "Next", customer = "Another KK" })
    kit.wait("the next deal", function() return kit.opportunity(s) end)
    s:act("edit", { table = "account", id = "Hoshino Parts KK", -- it is there since the beginning
      values = { address1_postalcode = "460-0001" } })
    s:command("retry", { deal })
    kit.wait("the deal, once mended", function() return #kit.opportunities(s) == 2 end)
  end)
end

return function(t)
  t.case("rule 08: a change set whose answer is lost is not made twice", function()
    answer_lost(t, true)
  end)
  t.case("rule 08: nor where a change set does not honour If-None-Match", function()
    answer_lost(t, false)
  end)
  t.case("rule 08: identifier and link come back when somebody edits them", function()
    restored(t)
  end)
  t.case("rule 08: a key of the customer's own is said, and other deals go on", function()
    own_key(t)
  end)
end
