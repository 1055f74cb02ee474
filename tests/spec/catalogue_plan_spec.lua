-- A file of solutions against the CRM's table: what is new, changed, the same; and for each kind of
-- cell what is wrong with it, by row and column.
local plan = require "catalogue_plan"

local function column(name, role, meta, names)
  return { name = name, role = role, meta = meta, label = names[1],
    names = { name, table.unpack(names) } }
end

local COLUMNS = {
  column("x_id", "identifier", { type = "String", max = 40 }, { "Solution Identifier", "ID" }),
  column("x_name", "name", { type = "String", max = 5 }, { "Name", "名前" }),
  column("x_type", "type", { type = "Picklist", options = { { value = 7, label = "1P",
    labels = { "1P", "Eigene" } }, { value = 8, label = "3P", labels = {} } } }, { "Type" }),
  column("x_more", nil, { type = "Memo", max = 100 }, { "Remarks" }),
  column("x_rank", nil, { type = "Integer", least = 1, most = 9 }, { "Rank" }),
  column("x_live", nil, { type = "Boolean", options = { { value = 0, label = "No" },
    { value = 1, label = "Yes" } } }, { "Live" }),
}
local SELF = { table = "x", key = "x_key", identifier = COLUMNS[1], columns = COLUMNS }
local GUID = "5b1f0c9e-7a40-4c3f-8e15-2d9a6b7c8d90"
local HEAD = { "ID", "Name", "Type", "Remarks", "Rank", "Live" }
local THERE = {
  { id = "r1", solution = "SOL-1-AAA", values = { x_id = "SOL-1-AAA", x_name = "One", x_type = 7,
    x_live = true } },
  { id = "r2", solution = "odd", values = { x_id = "odd", x_name = " Two ", x_rank = 2 } },
  { id = "r3", solution = "SOL-3-CCC", values = {} },
  { id = "r4", solution = "sol-3-ccc", values = {} },
}

local function make(list, more)
  local file = { rows = {}, problems = {} }
  for i, cells in ipairs(list) do
    file.rows[i] = { row = i, cells = cells }
  end
  for name, value in pairs(more or {}) do
    file[name] = value
  end
  return plan.make(SELF, file, THERE)
end

local function said(p)
  local out = {}
  for i, one in ipairs(p.problems) do
    out[i] = ("%d.%d %s"):format(one.row, one.column, one.text)
  end
  return table.concat(out, "\n")
end

local function one(cells)
  local p = make { HEAD, cells }
  return p.entries[1], said(p)
end

local function kinds(t)
  local p = make { HEAD, { "sol-9-zzz", "New", "eigene", "a\nb", "3", "yes" },
    { "sol-1-AAA", "ONE" }, { "SOL-1-bbb", " One " }, {}, { "odd", "Two", "", "", "2" } }
  t.eq(said(p), "")
  t.eq(p.counts, { new = 2, changed = 1, same = 1, wrong = 0 })
  t.eq(p.entries[1].values, { x_id = "SOL-9-ZZZ", x_name = "New", x_type = 7, x_more = "a\nb",
    x_rank = 3, x_live = true })
  t.eq(p.entries[2].values, { x_name = "ONE" }, "only what differs is written")
  t.eq({ p.entries[2].changes[1].from, p.entries[2].changes[1].to }, { "One", "ONE" })
  t.eq(#plan.to_write(p), 3)
end

local function identifiers(t)
  for given, want in pairs { ["sol-12345-abc"] = "SOL-12345-ABC", ["{" .. GUID:upper() .. "}"] =
    GUID, [GUID] = GUID } do
    local entry, problem = one { given, "N" }
    t.eq({ entry.solution, problem }, { want, "" })
  end
  for _, bad in ipairs { "12345", "SOL-", "SOL 12", "SOL-1-", "{" .. GUID, "Solution" } do
    local entry, problem = one { bad, "N" }
    t.eq(entry.what, "wrong")
    t.has(problem, "2.1 '" .. bad .. "' is no solution identifier")
  end
end

local WRONG = {
  { { "SOL-2-B", "sixsix" }, "2.2 the text has 6 characters, 'Name' holds 5: shorten it" },
  { { "SOL-2-B", "a😀😀😀" }, "2.2 the text has 7 characters" },
  { { "SOL-2-B", "a\nb" }, "2.2 the text has a line break" },
  { { "SOL-2-B", "n", "", "a\27b" }, "2.4 the text has a line break or another control" },
  { { "SOL-2-B", "n", "2P" }, "2.3 '2P' is none of the options of 'Type': choose of 1P, 3P" },
  { { "SOL-2-B", "n", "", "", "10" }, "2.5 '10' is no whole number from 1 to 9" },
  { { "SOL-2-B", "n", "", "", "1.5" }, "2.5 '1.5' is no whole number" },
  { { "SOL-2-B", "n", "", "", "", "perhaps" }, "2.6 'perhaps' is none of the options of 'Live'" },
  { { "SOL-2-B" }, "2.2 a new solution needs a 'Name'" },
  { { "", "n" }, "2.1 the row has no 'Solution Identifier'" },
  { { "SOL-2-B", "n", [7] = "x" }, "2.7 nothing stands over this cell" },
  { { "SOL-3-CCC", "n" }, "2.1 the CRM's table has 2 rows of SOL-3-CCC" },
}

local function wrong(t)
  for _, row in ipairs(WRONG) do
    local entry, problem = one(row[1])
    t.eq(entry.what, "wrong", row[2])
    t.has(problem, row[2])
    t.eq(select(2, problem:gsub("\n", "")), 0, "one mistake is said once: " .. problem)
  end
  t.eq(select(2, one { "SOL-2-B", "n", "8", "a\tb\nc", "9", "FALSE" }), "")
end

local function twice(t)
  local p = make { HEAD, { "SOL-2-B", "n" }, { "sol-2-b", "m" }, { "SOL-2-B", "n" } }
  t.eq(p.counts, { new = 1, changed = 0, same = 0, wrong = 2 })
  t.eq(said(p), "3.1 SOL-2-B stands in row 2 already: take one of them out\n"
    .. "4.1 SOL-2-B stands in row 2 already: take one of them out")
end

local function headings(t)
  local p = make { { "a title" }, {}, { "名前", "Nmae", " solution_identifier* ", "x_type" },
    { "n", "?", "SOL-2-B", "3P" } }
  t.eq(said(p), "")
  t.eq(p.entries[1].values, { x_id = "SOL-2-B", x_name = "n", x_type = 8 })
  t.eq(p.left_out, { { column = 2, heading = "Nmae", meant = "Name" } })
  t.has(said(make { { "ID", "Name", "名前" } }), "1.3 '名前' stands over two columns")
  t.has(said(make { { "Name", "Type" }, { "n" } }),
    "1.1 no heading 'Solution Identifier' in the first 20 rows: the columns are 'Solution Ident")
  t.has(said(make {}), "1.1 no heading")
  t.eq(#make({ HEAD }).entries, 0)
end

local function cells_with_errors(t)
  local p = make({ HEAD, { "#N/A", "n" } }, { problems = { { row = 2, column = 1, text = "bad" } },
    rows = { { row = 1, cells = HEAD }, { row = 2, cells = { "#N/A", "n" }, bad = true } } })
  t.eq({ said(p), p.counts.wrong }, { "2.1 bad", 1 })
end

return function(t)
  t.case("new, changed, the same; an empty cell leaves what is there", function() kinds(t) end)
  t.case("identifiers of both kinds, and such that are none", function() identifiers(t) end)
  t.case("each mistake once, by row and column", function() wrong(t) end)
  t.case("an identifier that comes twice", function() twice(t) end)
  t.case("headings: any order, either language, a row of titles before", function() headings(t) end)
  t.case("a cell that holds an error is said once", function() cells_with_errors(t) end)
end
