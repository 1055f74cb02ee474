-- A seller edits a row between our reading it and our writing it: no edit is lost, undone or
-- listed as a conflict.
local canonical = require "canonical"
local kit = require "commands.kit"
local rules = require "commands.rules"

local DEAL = { name = "Harbour", value = 90000, currency = "EUR", notes = "v0",
  closing_date = "2031-09-30", account = { name = "Elbe Hafen GmbH", line1 = "Kai 4",
    city = "Hamburg", postalcode = "20457", country = "DE" }, contact = "Jana Petersen",
  solutions = { "SOL-10001-ABC" }, sync = true }

local RETRIES_MS = 60000
local POSTED = { method = "POST", path = "referrals", delay_ms = 1500 }

local function notes(s)
  return kit.referrals(s)[1].details.notes
end

local function notes_of(s, row)
  for _, r in ipairs(kit.referrals(s)) do
    if r.externalReferenceId == row then
      return r.details.notes
    end
  end
  return nil
end

local function edit_in_a_create(t)
  kit.with({}, function(s)
    s:act("portal-create", { value = 1000, currency = "USD" }) -- so that the facts are known
    s:rest()
    local held = rules.holding(s, "partner", POSTED)
    local row = s:act("create-opportunity", DEAL).id
    s:command("sync")
    held()
    kit.describe(s, row, "v1")
    s:rest()
    kit.wait("the edit during the create", function() return notes_of(s, row) == "v1" end)
    s:rest()
    t.eq(#kit.referrals(s), 2, "our referrals")
    t.eq(kit.opportunity(s, row).notes, "v1", "the row's notes")
  end)
end

-- The contact is a row of its own, so no tag of the deal's row guards him.
local function caller_in_a_create(t)
  kit.with({}, function(s)
    s:act("portal-create", { value = 1000, currency = "USD" })
    s:rest()
    local held = rules.holding(s, "partner", POSTED)
    local row = s:act("create-opportunity", DEAL).id
    s:command("sync")
    held()
    s:act("edit", { table = "contact", id = kit.opportunity(s, row).row._parentcontactid_value,
      values = { telephone1 = "+49 40 555 9" } })
    s:rest()
    local phone
    for _, r in ipairs(kit.referrals(s)) do
      phone = r.externalReferenceId == row and r.customerProfile.team[1].phoneNumber or phone
    end
    t.eq(phone, "+49 40 555 9", "the contact's phone")
    kit.quiet(t, s)
  end)
end

local function edit_before_the_crm_id(t)
  kit.with({}, function(s)
    s:fault("partner", { method = "PATCH", status = 503, count = 3 })
    s:act("portal-create", { value = 1000, currency = "USD" })
    local o = kit.wait("the row", function() return kit.opportunity(s) end)
    kit.describe(s, o.id, "seller")
    s:rest()
    kit.wait("the edit to be sent", function() return notes(s) == "seller" end, RETRIES_MS)
    s:rest()
    t.eq(notes(s), "seller", "edit before the CRM id was written arrived")
  end)
end

-- The row says v1, Partner Center has it, and our write to the row is still under way: then the
-- seller saves `text`.
local function saved_again(text, check)
  kit.with({}, function(s)
    s:act("portal-create", { value = 1000, currency = "USD", notes = "v0" })
    s:rest()
    local row = kit.opportunity(s).id
    kit.describe(s, row, "v1")
    s:fault("crm", { method = "POST", path = "batch", delay_ms = 1500, count = 1 })
    s:command("sync")
    kit.wait("the first edit to be sent", function() return notes(s) == "v1" end)
    kit.describe(s, row, text)
    s:rest()
    check(s)
  end)
end

-- Lists show the version before our write for a while, and times have no fractions: what is newer
-- is known by the tag that we wrote over.
local function lists_lag(t)
  kit.with({}, function(s)
    s:set("date_digits", 0)
    s:set("stale_reads_ms", 300)
    for i = 1, 3 do
      local deal = s:act("portal-create", { name = "Deal " .. i, notes = "v0" }).id
      local row = kit.wait("its row", function()
        s:command("sync") -- no callback needs to come
        return canonical.given(rules.referral(s, deal).externalReferenceId)
      end)
      kit.describe(s, row, "v1")
      kit.wait("the edit to be sent", function()
        s:command("sync")
        return rules.referral(s, deal).details.notes == "v1"
      end)
    end
    t.eq(s:status().queue.dead, 0, "dead letters")
  end)
end

return function(t)
  t.case("between: an edit while our POST is under way travels afterwards", function()
    edit_in_a_create(t)
  end)
  t.case("between: an edit of the contact meanwhile travels afterwards too", function()
    caller_in_a_create(t)
  end)
  t.case("between: an edit of a new row whose CRM id cannot be written yet travels", function()
    edit_before_the_crm_id(t)
  end)
  t.case("between: an edit taken back while it is being sent stays taken back", function()
    saved_again("v0", function(s)
      t.eq(kit.opportunity(s).notes, "v0", "the seller's revert stays")
      t.eq(notes(s), "v0", "Partner Center's notes")
    end)
  end)
  t.case("between: lists that lag within a second hold up nothing", function() lists_lag(t) end)
  t.case("between: a row that is saved twice makes no conflict", function()
    saved_again("v2", function(s)
      t.eq(notes(s), "v2", "Partner Center's notes")
      t.eq(#s:command_json("conflicts"), 0, "conflicts; audit: " .. kit.opportunity(s).audit)
    end)
  end)
end
