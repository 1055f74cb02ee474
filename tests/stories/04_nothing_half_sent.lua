-- Story 4: what is missing is said with its remedy, and nothing is sent until it is there.
local kit = require "commands.kit"

local WHOLE = { name = "Depot lights", value = 5000, currency = "EUR", closing_date = "2031-05-31",
  account = { name = "Nordlicht AG", line1 = "Ring 1", city = "Kiel", postalcode = "24103",
    country = "DE" }, solutions = { "SOL-10001-ABC" }, sync = true }

local function with(over)
  local out = {}
  for k, v in pairs(WHOLE) do
    out[k] = v
  end
  for k, v in pairs(over) do
    out[k] = v
  end
  return out
end

local function refused_then_sent(t, over, said, mend)
  kit.with({}, function(s)
    local id = s:act("create-opportunity", with(over)).id
    s:rest()
    t.eq(#kit.referrals(s), 0, "nothing sent")
    local o = kit.opportunity(s, id)
    t.has(o.name, "✖ ")
    t.has(o.audit, said)
    kit.quiet(t, s)
    mend(s, id, o)
    s:rest()
    t.eq(#kit.referrals(s), 1, "sent once mended")
    t.eq(kit.opportunity(s, id).name, "✔ Depot lights")
  end)
end

return function(t)
  t.case("story 4: sync off sends nothing", function()
    kit.with({}, function(s)
      s:act("create-opportunity", with { sync = false })
      s:rest()
      t.eq(#kit.referrals(s), 0)
      t.eq(kit.opportunity(s).name, "Depot lights", "the row is left alone")
    end)
  end)
  t.case("story 4: a missing solution", function()
    refused_then_sent(t, { solutions = {} }, "add at least one", function(s, id)
      s:act("add-solution", { opportunity = id, solution = "SOL-10001-ABC" })
      s:act("edit", { table = "opportunity", id = id, values = { description = "now" } })
    end)
  end)
  t.case("story 4: help without a contact", function()
    refused_then_sent(t, { help = "Quotes / licensing" }, "has no contact", function(s, id, o)
      local contact = s:act("create", { table = "contact", values = { firstname = "Ute",
        lastname = "Kern", emailaddress1 = "ute@nordlicht.example", telephone1 = "+49431000001",
        parentcustomerid = { table = "account", id = o.row._parentaccountid_value } } })
      s:act("edit", { table = "opportunity", id = id,
        values = { parentcontactid = { table = "contact", id = contact.id } } })
    end)
  end)
  t.case("story 4: a country that cannot be resolved", function()
    refused_then_sent(t, { account = { name = "Nordlicht AG", line1 = "Ring 1", city = "Kiel",
      postalcode = "24103", country = "Nowhereland" } }, "country", function(s, id, o)
      s:act("edit", { table = "account", id = o.row._parentaccountid_value,
        values = { address1_country = "Deutschland" } })
      s:act("edit", { table = "opportunity", id = id, values = { description = "now" } })
    end)
  end)
  t.case("story 4: a deal value of 0", function()
    refused_then_sent(t, { value = 0 }, "enter a value above 0", function(s, id)
      s:act("edit", { table = "opportunity", id = id, values = { estimatedvalue = 5000 } })
    end)
  end)
  t.case("story 4: on update only the bad value is withheld", function()
    kit.with({}, function(s)
      local id = s:act("create-opportunity", WHOLE).id
      s:rest()
      s:act("edit", { table = "opportunity", id = id,
        values = { estimatedvalue = 0, description = "phase two" } })
      s:rest()
      local ours = kit.referrals(s)
      t.eq(ours[1].details.notes, "phase two", "the good value travels")
      t.eq(tonumber(ours[1].details.dealValue), 5000, "the bad one does not")
      t.has(kit.opportunity(s).audit, "0 or empty")
      kit.quiet(t, s)
    end)
  end)
end
