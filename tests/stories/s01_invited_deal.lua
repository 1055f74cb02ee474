-- Situation 1: Microsoft's seller sends a deal that waits to be accepted.  The row is On Hold;
-- either side decides; what is edited before is kept, and sent when the deal is accepted.
local kit = require "commands.kit"

local HOLD, IN_PROGRESS, CANCELED = 2, 1, 4

local function stands(s)
  local r = kit.referrals(s)[1]
  return r.status .. "/" .. r.substatus
end

local function edit(s, values)
  s:act("edit", { table = "opportunity", id = kit.opportunity(s).id, values = values })
end

local function invited(body)
  kit.with({}, function(s)
    local deal = s:act("microsoft-create", { kind = "cosell", value = 1000, currency = "USD",
      notes = "as sent" })
    s:rest()
    body(s, deal.id)
  end)
end

local function arrives(t)
  invited(function(s, deal)
    local o = kit.opportunity(s)
    t.eq({ o.state, o.status }, { 0, HOLD }, "the row is open and On Hold")
    t.eq({ o.name, o.identifier, o.sync }, { "✔ Plant sensor rollout", deal, true })
    t.has(o.audit, "Created from Partner Center")
    t.eq(stands(s), "New/Pending", "nobody has accepted it")
    t.eq(kit.referrals(s)[1].externalReferenceId, o.id, "the referral names the row")
    kit.quiet(t, s)
  end)
end

local function accepted_in_crm(t)
  invited(function(s)
    edit(s, { statuscode = IN_PROGRESS })
    s:rest()
    t.eq({ stands(s), kit.opportunity(s).status }, { "Active/Accepted", IN_PROGRESS })
    kit.quiet(t, s)
  end)
end

local function accepted_in_portal(t)
  invited(function(s, deal)
    s:act("accept", { id = deal })
    s:rest()
    t.eq({ stands(s), kit.opportunity(s).status }, { "Active/Accepted", IN_PROGRESS })
    t.has(kit.opportunity(s).audit, "From Partner Center: state")
    kit.quiet(t, s)
  end)
end

local function declined_in_crm(t)
  invited(function(s)
    s:act("lose", { id = kit.opportunity(s).id, status = "Canceled", reason = "No capacity" })
    s:rest()
    local r, o = kit.referrals(s)[1], kit.opportunity(s)
    t.eq({ stands(s), o.state, o.status }, { "Closed/Declined", 2, CANCELED })
    t.ok(r.statusReason and r.statusReason ~= "", "a reason is sent along")
    kit.quiet(t, s)
  end)
end

local function declined_in_portal(t)
  invited(function(s, deal)
    s:act("decline", { id = deal, reason = "No capacity" })
    s:rest()
    local o = kit.opportunity(s)
    t.eq({ stands(s), o.state, o.status }, { "Closed/Declined", 2, CANCELED })
    kit.quiet(t, s)
  end)
end

-- accept(s, deal): one of the two ways
local function edits_wait(t, accept)
  invited(function(s, deal)
    edit(s, { description = "edited while new", estimatedvalue = 2000 })
    s:rest()
    local d = kit.referrals(s)[1].details
    t.eq({ d.notes, tonumber(d.dealValue) }, { "as sent", 1000 }, "nothing is sent before")
    t.eq(kit.opportunity(s).notes, "edited while new", "and nothing is taken back")
    kit.quiet(t, s)
    accept(s, deal)
    s:rest()
    d = kit.referrals(s)[1].details
    t.eq({ stands(s), d.notes, tonumber(d.dealValue) },
      { "Active/Accepted", "edited while new", 2000 }, "sent on acceptance")
    t.eq(kit.opportunity(s).notes, "edited while new")
    t.eq(#s:command_json("conflicts"), 0, "conflicts")
    kit.quiet(t, s)
  end)
end

local function accept_here(s)
  edit(s, { statuscode = IN_PROGRESS })
end

local function accept_there(s, deal)
  s:act("accept", { id = deal })
end

-- A name goes by another request than the state: one of them carries both.
local function renamed_and_accepted(t)
  invited(function(s)
    edit(s, { name = "✔ Renamed while new" })
    s:rest()
    t.eq(kit.referrals(s)[1].name, "Plant sensor rollout", "not sent before")
    accept_here(s)
    s:rest()
    t.eq({ stands(s), kit.referrals(s)[1].name }, { "Active/Accepted", "Renamed while new" })
    kit.quiet(t, s)
  end)
end

local function edited_in_portal(t)
  invited(function(s, deal)
    s:act("edit", { id = deal, notes = "edited in the portal" })
    s:rest()
    local o = kit.opportunity(s)
    t.eq({ stands(s), o.notes, o.status }, { "New/Pending", "edited in the portal", HOLD })
    kit.quiet(t, s)
  end)
end

-- Accepted on both sides before either was heard.
local function decided_twice(t)
  invited(function(s, deal)
    s:set("lose_callbacks", true)
    s:act("accept", { id = deal })
    accept_here(s)
    s:rest()
    t.eq({ stands(s), kit.opportunity(s).status }, { "Active/Accepted", IN_PROGRESS })
    t.eq(#s:command_json("conflicts"), 0, "both decided the same")
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("situation 1: the row of a deal that nobody accepted is On Hold",
    function() arrives(t) end)
  t.case("situation 1: accepted in the CRM", function() accepted_in_crm(t) end)
  t.case("situation 1: accepted in the portal", function() accepted_in_portal(t) end)
  t.case("situation 1: declined in the CRM, with a reason", function() declined_in_crm(t) end)
  t.case("situation 1: declined in the portal", function() declined_in_portal(t) end)
  t.case("situation 1: accepted on both sides at once", function() decided_twice(t) end)
  t.case("situation 1: edits while new are sent when the CRM accepts",
    function() edits_wait(t, accept_here) end)
  t.case("situation 1: edits while new are sent when the portal accepts",
    function() edits_wait(t, accept_there) end)
  t.case("situation 1: a new name while new is sent with the acceptance",
    function() renamed_and_accepted(t) end)
  t.case("situation 1: an edit in the portal while new arrives in the CRM",
    function() edited_in_portal(t) end)
end
