-- $filter of the practice CRM: text to a tree, tree to a function of a record. The function answers
-- true, false or nil (unknown: a comparison with null), as a database does. What a path means is
-- asked of a scope, so that rows and metadata share this file. Reads no rows itself.
local refuse = require("sim.crm_schema").refuse
local values = require("sim.crm_values")
local dates = require("sim.dates")

local M = {}

local COMPARE = { eq = true, ne = true, gt = true, ge = true, lt = true, le = true }
local STRING_FUNCTIONS = { contains = true, startswith = true, endswith = true }
local CRM = "Microsoft.Dynamics.CRM."

local function syntax(text, at)
  refuse(400, "0x80060888", "Syntax error at position %d in '%s'.", at - 1, text)
end

local function incompatible(path, literal)
  refuse(400, "0x0",
    "A binary operator with incompatible types was detected. Found operand '%s' and "
    .. "a literal of type '%s'.", path, literal)
end

-- ---- Words ----

local GUID = ("%x"):rep(8) .. "%-" .. ("%x%x%x%x%-"):rep(3) .. ("%x"):rep(12)
local DATE = "%d%d%d%d%-%d%d%-%d%d"
local PATTERNS = {
  { "guid", "^(" .. GUID .. ")" }, { "datetime", "^(" .. DATE .. "T[%d:.]+[Z+%-]?[%d:]*)" },
  { "date", "^(" .. DATE .. ")" }, { "number", "^(%-?%d+%.?%d*)" }, { "alias", "^(@[%w_]+)" },
  { "name", "^([%a_][%w_.]*)" }, { "mark", "^([(),/:=%[%]])" },
}

local function string_at(text, at)
  local i = at + 1
  while true do
    local close = text:find("'", i, true) or syntax(text, at)
    if text:sub(close + 1, close + 1) ~= "'" then
      return { kind = "string", text = text:sub(at + 1, close - 1):gsub("''", "'"), at = at },
        close + 1
    end
    i = close + 2
  end
end

local function word_at(text, at)
  if text:sub(at, at) == "'" then return string_at(text, at) end
  for _, p in ipairs(PATTERNS) do
    local found = text:match(p[2], at)
    if found then return { kind = p[1], text = found, at = at }, at + #found end
  end
  syntax(text, at)
end

local function words(text)
  local out, at = {}, text:find("%S") or 1
  while at <= #text do
    local word
    word, at = word_at(text, at)
    out[#out + 1] = word
    at = text:find("%S", at) or #text + 1
  end
  out[#out + 1] = { kind = "end", text = "", at = #text + 1 }
  return out
end

-- ---- The tree ----

local Parser = {}
Parser.__index = Parser

function Parser:peek() return self.words[self.at] end
function Parser:fail() syntax(self.text, self:peek().at) end

function Parser:take(kind, text)
  local w = self:peek()
  if w.kind ~= kind or (text and w.text ~= text) then return nil end
  self.at = self.at + 1
  return w
end

function Parser:must(kind, text) return self:take(kind, text) or self:fail() end

local LITERALS = { string = true, guid = true, date = true, datetime = true, number = true }
local WORDS = { null = json.null, ["true"] = true, ["false"] = false }

function Parser:literal()
  local w = self:peek()
  if LITERALS[w.kind] then
    self.at = self.at + 1
    return { literal = w.kind, value = w.kind == "number" and tonumber(w.text) or w.text }
  end
  if w.kind == "name" and WORDS[w.text] ~= nil then
    self.at = self.at + 1
    local v = WORDS[w.text]
    return { literal = v == json.null and "null" or "boolean", value = v }
  end
  local enum = self.words[self.at + 1] -- Microsoft.Dynamics.CRM.OwnershipTypes'UserOwned'
  if w.kind == "name" and w.text:sub(1, #CRM) == CRM and enum.kind == "string" then
    self.at = self.at + 2
    return { literal = "string", value = enum.text }
  end
  if w.kind == "alias" then
    self.at = self.at + 1
    local text = self.aliases[w.text]
    if not text then return { literal = "null", value = json.null } end
    local other = setmetatable({ text = text, words = words(text), at = 1, aliases = {} }, Parser)
    return other:literal() or other:fail()
  end
end

-- name/name/... with a lambda at its end
function Parser:path()
  local names = {}
  repeat
    local name = self:must("name").text
    if (name == "any" or name == "all") and #names > 0 and self:take("mark", "(") then
      return self:lambda(name, names)
    end
    names[#names + 1] = name
  until not self:take("mark", "/")
  return { path = names }
end

function Parser:lambda(kind, names)
  local node = { lambda = kind, path = names }
  if self:take("mark", ")") then return node end
  node.var = self:must("name").text
  self:must("mark", ":")
  node.body = self:either()
  self:must("mark", ")")
  return node
end

function Parser:list()
  local out = {}
  repeat
    out[#out + 1] = (self:literal() or self:fail()).value
  until not self:take("mark", ",")
  self:must("mark", "]")
  return out
end

function Parser:crm_function(name)
  local node = { crm = name, named = {} }
  while not self:take("mark", ")") do
    local key = self:must("name").text
    self:must("mark", "=")
    if self:take("mark", "[") then
      node.named[key] = self:list()
    else
      node.named[key] = (self:literal() or self:fail()).value
    end
    self:take("mark", ",")
  end
  return node
end

function Parser:call(name)
  local node = { call = name, args = {} }
  repeat
    node.args[#node.args + 1] = self:operand()
  until not self:take("mark", ",")
  self:must("mark", ")")
  return node
end

function Parser:operand()
  local literal = self:literal()
  if literal then return literal end
  local w, following = self:peek(), self.words[self.at + 1]
  if w.kind == "name" and following.text == "(" and following.kind == "mark" then
    self.at = self.at + 2
    if w.text:sub(1, #CRM) == CRM then return self:crm_function(w.text:sub(#CRM + 1)) end
    return self:call(w.text)
  end
  return self:path()
end

function Parser:comparison()
  if self:take("mark", "(") then
    local inner = self:either()
    self:must("mark", ")")
    return inner
  end
  local left = self:operand()
  local w = self:peek()
  if w.kind == "name" and COMPARE[w.text] then
    self.at = self.at + 1
    return { op = w.text, left = left, right = self:operand() }
  end
  if left.call or left.crm or left.lambda or left.path then return left end
  self:fail()
end

function Parser:negation()
  if self:take("name", "not") then return { op = "not", left = self:negation() } end
  return self:comparison()
end

function Parser:both()
  local left = self:negation()
  while self:take("name", "and") do left = { op = "and", left = left, right = self:negation() } end
  return left
end

function Parser:either()
  local left = self:both()
  while self:take("name", "or") do left = { op = "or", left = left, right = self:both() } end
  return left
end

--- The tree of a filter. aliases: {["@p1"]=literal text}.
function M.parse(text, aliases)
  local p = setmetatable({ text = text, words = words(text), at = 1, aliases = aliases or {} },
    Parser)
  local tree = p:either()
  if p:peek().kind ~= "end" then p:fail() end
  return tree
end

-- ---- Tree to function ----

local KIND = { String = "text", Memo = "text", MultiSelectPicklist = "text", Boolean = "boolean",
  Integer = "number", Decimal = "number", Money = "number", Picklist = "number", State = "number",
  Status = "number", BigInt = "number", Uniqueidentifier = "guid", Lookup = "guid",
  Customer = "guid",
  Owner = "guid" }

--- How values of a column compare.
function M.kind_of(c)
  if c.type == "DateTime" then return c.behavior == "DateOnly" and "date" or "datetime" end
  return KIND[c.type]
end

local READ = {
  text = values.fold, number = values.number,
  boolean = function(v) return v and 1 or 0 end,
  guid = function(v) return v end, date = function(v) return v end,
  datetime = function(v) return (v:gsub("Z$", "")) end, -- so that a fraction comes behind none
  any = function(v) return v end,
}
M.comparable = READ

local LITERAL = {
  text = { string = values.fold }, number = { number = function(v) return v end },
  boolean = { boolean = function(v) return v and 1 or 0 end },
  guid = { guid = string.lower, string = values.guid },
  date = { date = function(v) return v end },
  datetime = { date = function(v) return v .. "T00:00:00" end,
    datetime = function(v)
      local ms = dates.parse(v)
      return ms and dates.text(ms, ms % 1000 == 0 and 0 or 3, "")
    end },
  any = setmetatable({}, { __index = function() return function(v) return v end end }),
}

local TEST = {
  eq = function(a, b) return a == b end, ne = function(a, b) return a ~= b end,
  gt = function(a, b) return a > b end, ge = function(a, b) return a >= b end,
  lt = function(a, b) return a < b end, le = function(a, b) return a <= b end,
}

local function literal_for(operand, node)
  local read = LITERAL[operand.kind][node.literal]
  local v = read and read(node.value)
  if v == nil then incompatible(operand.name, node.literal) end
  return v
end

local function reader(operand)
  local read = READ[operand.kind]
  return function(record)
    local v = operand.get(record)
    if v ~= nil then return read(v) end
  end
end

local function against_null(op, get)
  if op == "eq" then return function(r) return get(r) == nil end end
  if op == "ne" then return function(r) return get(r) ~= nil end end
  return function() return nil end
end

local SWAP = { gt = "lt", lt = "gt", ge = "le", le = "ge" }

local function compare(scope, node)
  local op, left, right = node.op, node.left, node.right
  if left.literal then op, left, right = SWAP[op] or op, right, left end
  if not left.path then refuse(400, "0x80060888", "A property was expected in a comparison.") end
  local operand = scope.operand(left.path)
  local get, test = reader(operand), TEST[op]
  if right.literal == "null" then return against_null(op, get) end
  if right.path then
    local other = reader(scope.operand(right.path))
    return function(r)
      local a, b = get(r), other(r)
      if a == nil or b == nil then return nil end
      return test(a, b)
    end
  end
  if not right.literal then refuse(400, "0x80060888", "A literal was expected in a comparison.") end
  local v = literal_for(operand, right)
  return function(r)
    local a = get(r)
    if a == nil then return nil end
    return test(a, v)
  end
end

local ANY = { ["%"] = ".*", ["_"] = "[%z\1-\127\194-\244][\128-\191]*" }

local function escaped(text) return (text:gsub("%W", "%%%0")) end

-- A pattern of the database (% _ [ab] [^ab]) as a Lua pattern.
local function like(text)
  local out, at = {}, 1
  while at <= #text do
    local set, following = text:match("^%[([^%]]+)%]()", at)
    local c = text:sub(at, at)
    if set then
      local negated, members = set:match("^(%^?)(.*)$")
      out[#out + 1] = "[" .. negated .. escaped(members) .. "]"
    else
      out[#out + 1] = ANY[c] or escaped(c)
    end
    at = following or at + 1
  end
  return table.concat(out)
end

local BEFORE, BEHIND = { startswith = "^" }, { endswith = "$" }

local function string_call(scope, node)
  if scope.no_functions then
    refuse(501, "0x8006088a", "The \"%s\" function isn't supported for Metadata Entities.",
      node.call)
  end
  local path, literal = node.args[1], node.args[2]
  if not STRING_FUNCTIONS[node.call] then
    refuse(400, "0x80060888", "An unknown function with name '%s' was found.", node.call)
  end
  if not path or not path.path or not literal or literal.literal ~= "string" then
    refuse(400, "0x80060888", "The function '%s' needs a property and a string.", node.call)
  end
  local operand = scope.operand(path.path)
  if operand.kind ~= "text" then incompatible(operand.name, "string") end
  local text, get = values.fold(literal.value), reader(operand)
  local plain = node.call == "contains" and not text:find("[%%_%[]")
  local pattern = plain and text
    or (BEFORE[node.call] or "") .. like(text) .. (BEHIND[node.call] or "")
  return function(r)
    local v = get(r)
    if v == nil then return nil end
    return v:find(pattern, 1, plain) ~= nil
  end
end

local function lambda(scope, node)
  local inner = scope.collection(node.path)
  local test = node.body and M.compile(inner.scope(node.var), node.body)
  return function(r)
    for _, child in ipairs(inner.rows(r)) do
      local hit = not test or test(child) == true
      if hit and node.lambda == "any" then return true end
      if not hit and node.lambda == "all" then return false end
    end
    return node.lambda == "all"
  end
end

local LOGIC = {}

LOGIC["and"] = function(a, b)
  return function(r)
    local x = a(r)
    if x == false then return false end
    local y = b(r)
    if y == false then return false end
    return x and y
  end
end

LOGIC["or"] = function(a, b)
  return function(r)
    local x = a(r)
    if x then return true end
    local y = b(r)
    if y then return true end
    if x == nil or y == nil then return nil end
    return false
  end
end

local function negate(a)
  return function(r)
    local x = a(r)
    if x == nil then return nil end
    return not x
  end
end

--- The function of a tree. scope.operand(path) -> { get=, kind=, name= }; scope.collection(path) ->
--- { rows=function(record), scope=function(variable) }; scope.crm(node) -> function.
function M.compile(scope, node)
  if LOGIC[node.op] then
    return LOGIC[node.op](M.compile(scope, node.left), M.compile(scope, node.right))
  end
  if node.op == "not" then return negate(M.compile(scope, node.left)) end
  if node.op then return compare(scope, node) end
  if node.call then return string_call(scope, node) end
  if node.crm then return scope.crm(node) end
  if node.lambda then return lambda(scope, node) end
  local operand = scope.operand(node.path)
  if operand.kind ~= "boolean" then incompatible(operand.name, "boolean") end
  return function(r) return operand.get(r) end
end

return M
