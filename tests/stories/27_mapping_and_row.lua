-- A mapping that raises or adds columns, a row that cannot be read, and notices on the row: nothing
-- is guessed, dropped or said twice.
local kit = require "commands.kit"

local EXTRA_COLUMN = [[
return { api = 1, opportunity = {
  update = function(deal, values, crm)
    values.customerneed = "n:" .. tostring(deal.crm_id ~= nil) .. (crm.description or "")
  end,
} }
]]

local RAISES = [[
return {
  read = function(crm)
    if crm.description == "boom" then
      error("boom")
    end
    return crm.estimatedvalue
  end,
  write = "estimatedvalue",
}
]]

local KEPT = [[
return { api = 1,
  account = { update = function(d, v) v.description = "Last deal: " .. d.name end },
  contact = { update = function(d, v, crm) v.jobtitle = crm.lastname .. " of " .. d.name end },
}
]]

-- o: files, notes, solutions
local function started(o, body)
  kit.with({ files = o.files }, function(s)
    local deal = s:act("portal-create", { value = 1000, currency = "USD", notes = o.notes,
      solutions = o.solutions })
    s:rest()
    body(s, kit.opportunity(s), deal.id)
  end)
end

local function edit(s, row, values)
  s:act("edit", { table = "opportunity", id = row, values = values })
end

local function notes(s)
  return kit.referrals(s)[1].details.notes
end

local function not_found(t)
  started({}, function(s, o)
    s:fault("crm", { method = "GET", path = "opportunities(", status = 404, count = 1,
      body = "gone fishing" })
    edit(s, o.id, { description = "one" })
    s:rest()
    edit(s, o.id, { description = "two" })
    s:rest()
    t.eq(notes(s), "two")
  end)
end

-- The one row that a deal's row names.
local function beside(s, o, table_name, column)
  return s:row("crm:" .. table_name, o.row["_" .. column .. "_value"])
end

local function customer_kept(t)
  started({ files = { ["details.lua"] = KEPT } }, function(s, o)
    local deal = o.identifier
    local function seen()
      local now = kit.opportunity(s)
      return { beside(s, now, "account", "parentaccountid").description,
        beside(s, now, "contact", "parentcontactid").jobtitle }
    end
    t.eq(seen(), { "Last deal: Plant sensor rollout", "Hoshino of Plant sensor rollout" },
      "with the deal")
    s:act("edit", { table = "account", id = o.row._parentaccountid_value,
      values = { description = "by hand" } })
    edit(s, o.id, { description = "another turn" })
    s:rest()
    t.eq(seen()[1], "by hand", "only when the answer differs")
    s:act("edit", { id = deal, name = "Renamed" })
    s:rest()
    t.eq(seen(), { "Last deal: Renamed", "Hoshino of Renamed" })
    t.eq(kit.referrals(s)[1].customerProfile.team[1].title, "Plant manager",
      "what a mapping writes is nobody's edit")
    t.eq(s:status().queue.dead, 0, "dead letters")
    kit.quiet(t, s)
  end)
end

local function column_survives(t)
  started({ files = { ["details.lua"] = EXTRA_COLUMN }, notes = "v0" }, function(s, o)
    edit(s, o.id, { description = "v1" })
    s:fault("crm", { method = "POST", path = "batch", delay_ms = 1500, count = 1 })
    s:command("sync")
    kit.wait("the edit to be sent", function() return notes(s) == "v1" end)
    edit(s, o.id, { estimatedvalue = 1001 })
    s:rest()
    t.eq(tostring(kit.opportunity(s).row.customerneed), "n:truev1")
  end)
end

local function raised(t)
  started({ files = { ["deal_value.lua"] = RAISES }, notes = "v0" }, function(s, o)
    edit(s, o.id, { description = "boom" })
    s:rest()
    local audit = kit.opportunity(s).audit
    t.ok(not audit:find("0 or empty", 1, true), "told: " .. audit)
    t.ok(s:status().queue.dead > 0, "dead letter")
  end)
end

local function read_only(t)
  started({ notes = "v0" }, function(s, o)
    s:act("edit", { table = "account", id = o.row._parentaccountid_value,
      values = { name = "Renamed KK" } })
    edit(s, o.id, { closeprobability = 50 })
    s:rest()
    edit(s, o.id, { description = "real" })
    s:rest()
    t.has(kit.opportunity(s).audit, "can't change after creation")
  end)
end

local function unknown_solution(t)
  started({ solutions = "SOL-10001-ABC,SOL-99999-ZZZ" }, function(s, _, deal)
    for i = 1, 3 do
      s:act("edit", { id = deal, notes = "n" .. i })
      s:rest()
    end
    local audit, told = kit.opportunity(s).audit, 0
    for _ in audit:gmatch("SOL%-99999%-ZZZ is not") do
      told = told + 1
    end
    t.eq(told, 1, audit)
  end)
end

return function(t)
  t.case("mapping: account and contact are kept up to date", function()
    customer_kept(t)
  end)
  t.case("mapping and row: a 404 without a code of Dataverse is no deletion", function()
    not_found(t)
  end)
  t.case("mapping and row: a mapping's own column survives an edit in between", function()
    column_survives(t)
  end)
  t.case("mapping and row: a mapping that raises is no empty value", function() raised(t) end)
  t.case("mapping and row: what can't change is said with the next real change", function()
    read_only(t)
  end)
  t.case("mapping and row: an unknown solution is told once", function() unknown_solution(t) end)
end
