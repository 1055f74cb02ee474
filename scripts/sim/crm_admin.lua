-- What an administrator of the practice CRM does, and what happens to a whole CRM: keys,
-- privileges, change tracking, customer's own rules, backups, becoming a copy of itself.
-- Owns the small collections that say so. crm_act hands in how names become tables and rows.
local backup = require("sim.crm_backup")
local define = require("sim.crm_define")
local keys = require("sim.crm_keys")
local platform = require("sim.crm_platform")
local rows = require("sim.crm_rows")
local schema = require("sim.crm_schema")
local values = require("sim.crm_values")

local function columns_of(v)
  if type(v) == "table" then return v end
  local out = {}
  for name in tostring(v or ""):gmatch("[^,%s]+") do out[#out + 1] = name end
  return out
end

local function define_key(tools, work, args)
  local t = tools.table_named(args.table)
  local name = args.name or t.logical .. "_key"
  keys.put(t, { name = name, columns = columns_of(args.columns) }, work.who.now)
  return { id = name }
end

local LEVEL = { yes = "ApplicationRequired", no = "None" }

local function change_definition(tools, work, args)
  local t = tools.table_named(args.table)
  local now = work.who.now
  if args.column then
    if not t.columns[args.column] then tools.bad("no such column") end
    define.change(now, { op = "column+", table = t.logical, name = args.column,
      set = { max = math.tointeger(tonumber(args.max)), required = LEVEL[args.required] } })
  else
    define.change(now, { op = "table+", name = t.logical, set = {} })
  end
  return { id = t.logical }
end

local function remove_column(tools, work, args)
  local t = tools.table_named(args.table)
  if not t.columns[args.column] then tools.bad("no such column") end
  define.change(work.who.now, { op = "column-", table = t.logical, name = args.column })
  return { id = t.logical }
end

local function tracking(tools, work, args)
  local t = tools.table_named(args.table)
  define.change(work.who.now, { op = "tracking", table = t.logical,
    on = tools.boolean(args.on) })
  return { id = t.logical }
end

local function original_flows(tools, work, args)
  platform.switch_flows(work, args.on == nil or tools.boolean(args.on))
  return { on = args.on == nil or tools.boolean(args.on) }
end

local function remove_connector(_, work)
  local now, list = work.who.now, define.connector_tables(schema)
  platform.without_connector(work, list)
  work:defer(function() define.change(now, { op = "bare" }) end)
  return { tables = #list }
end

local function join_team(tools, work, args)
  local t = schema.tables.team
  local id = tools.row_id(work, t, args.team)
  require("sim.crm_pairs").associate(work, t.many.teammembership_association, id,
    tools.person(args.user))
  return { id = id }
end

local function privilege_of(tools, args)
  return tools.person(args.user or "connector@partner.example") .. ":" .. args.privilege
end

local function take_privilege(tools, _, args)
  local id = privilege_of(tools, args)
  host.docs.put("crm_privilege", id, { taken = true })
  return { id = id }
end

local function give_privilege(tools, _, args)
  local id = privilege_of(tools, args)
  host.docs.drop("crm_privilege", id)
  return { id = id }
end

local function switched(tools, args, collection, id, body)
  if args.on == nil or tools.boolean(args.on) then
    host.docs.put(collection, id, body)
  else
    host.docs.drop(collection, id)
  end
  return { id = id }
end

local function lock_currency(tools, work, args)
  local id = tools.row_id(work, schema.tables.opportunity, args.opportunity or args.id)
  return switched(tools, args, "crm_lock", id, { why = "quotes" })
end

local DUPLICATE = "A record was not created or updated because a duplicate of the current record "
  .. "already exists."

local function refuse_create(tools, _, args)
  local t = tools.table_named(args.table)
  local demanded = columns_of(args.columns)
  local lacking = #demanded > 0 and "A rule of this organization demands: "
    .. table.concat(demanded, ", ") .. "."
  return switched(tools, args, "crm_refusal", t.logical, { columns = demanded,
    code = args.code or lacking and "0x80040265" or "0x80040333",
    status = math.tointeger(tonumber(args.status or lacking and 400 or 412)),
    message = args.message or lacking or DUPLICATE })
end

local function restored(tools, _, args)
  local name = args.name or "backup"
  return backup.restore(name) or tools.bad("there is no backup '%s'", name)
end

local function become_organization(tools, work, args)
  local id = values.guid(args.id) or tools.bad("id: a GUID is needed")
  local t, old = schema.tables.organization, work:organization()
  local row = {}
  for name, v in pairs(old) do row[name] = v end
  row[t.id], row.name = id, args.name or old.name
  work:drop(t, old[t.id])
  work:put(t, row)
  work.org = nil
  return { id = id, was = old[t.id] }
end

local function delete_all(tools, work, args)
  local t, n = tools.table_named(args.table or "opportunity"), 0
  for _, r in ipairs(host.docs.find("crm:" .. t.logical, { most = args.most and
    math.tointeger(tonumber(args.most)) or 1000 })) do
    rows.delete(work, t, r.id)
    n = n + 1
  end
  return { deleted = n }
end

--- Name -> { run(tools, work, args), help }.
return {
  ["define-key"] = { run = define_key,
    help = "an alternate key: table= columns=A,B [name=]; it refuses a second row of its values" },
  ["change-definition"] = { run = change_definition,
    help = "a table's definition changes, so that its delta links expire: table= [column= max= "
      .. "required=yes|no]" },
  ["remove-column"] = { run = remove_column,
    help = "a column is deleted, with all that stood in it: table= column=" },
  ["original-flows"] = { run = original_flows,
    help = "the flows of the connector that this program replaces are turned on or off: [on=no]" },
  ["remove-connector"] = { run = remove_connector, help = "the CRM is as if the original connector "
    .. "had never been installed: its tables, columns, flows, solution and publisher are gone" },
  ["join-team"] = { run = join_team, help = "a user joins a team: team= user=" },
  ["tracking"] = { run = tracking, help = "change tracking of a table: table= on=yes|no" },
  ["take-privilege"] = { run = take_privilege,
    help = "a role loses a privilege: privilege=prvReadAccount[:organization] [user=]" },
  ["give-privilege"] = { run = give_privilege, help = "a role has it again: privilege= [user=]" },
  ["lock-currency"] = { run = lock_currency,
    help = "quotes fix the currency of an opportunity: id= [on=no]" },
  ["refuse-create"] = { run = refuse_create,
    help = "a rule of the customer's refuses new rows over the API, or those without a column of "
      .. "some: table= [columns=A,B] [code=] [status=] [message=] [on=no]" },
  ["backup"] = { run = function(_, _, args) return backup.save(args.name or "backup") end,
    help = "lays the whole CRM aside: [name=]" },
  ["restore-backup"] = { run = restored,
    help = "the CRM is again as it was, versions and all: [name=]" },
  ["become-organization"] = { run = become_organization,
    help = "the CRM turns out to be another organisation (a copy): id=GUID [name=]" },
  ["delete-all"] = { run = delete_all,
    help = "somebody deletes many rows at once: [table=] [most=]" },
}
