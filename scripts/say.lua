-- What sellers read in the CRM, in its language: sentences by key, with named holes, from texts/.
-- Another language is one more table in texts/, its row in M.tags, and its name in the setting
-- audit_language; what a table lacks is said in English.
-- Owns the language.  It must never decide what is told; logs and commands stay English.
local english = require "texts.en"
local fields = require "fields"
local text = require "text"

-- By the language of the organisation's code, whatever the region: 1033 and 2057 are English.
local TAGS = { [0x09] = "en", [0x11] = "ja", [0x07] = "de" }
local LONGEST = 120 -- bytes of what was found
local LANGUAGE = 0x3FF -- these bits of it

local M = { tags = TAGS }

local current = english

local function wanted()
  return host.profile.settings.audit_language or "auto"
end

---Whether the CRM is to be asked for its language.
function M.asks()
  return wanted() == "auto"
end

---Speaks from now on as the setting says, else as the organisation does, else English.
---@param code integer|nil  the organisation's languagecode
function M.use(code)
  local tag = wanted()
  if tag == "auto" then
    tag = TAGS[(math.tointeger(code) or 0) & LANGUAGE] or "en"
  end
  current = require("texts." .. tag)
end

---@param name string  of a field
---@param part string|nil  of its parts
---@return string
function M.label(name, part)
  local key = part and "part-" .. part or "field-" .. name
  return current[key] or english[key] or fields.at(name).label
end

---A word of ours that sellers read: of a state, of a kind of help; another one stays as it is.
---@param family string  of the keys
---@param word string
function M.word(family, word)
  local key = family .. "-" .. word
  return current[key] or english[key] or word
end

---@param key string
---@param holes table<string, any>|nil
---@return string
function M.say(key, holes)
  local sentence = current[key] or english[key] or error("no text " .. key, 2)
  return (sentence:gsub("{([%w_]+)}", function(name)
    return tostring(holes and holes[name] or error(key .. " lacks " .. name, 2))
  end))
end

---What is to be told, kept as data so that the same is the same in every language.
---@class Told
---@field key string|nil
---@field holes table|nil
---@field field string|nil  fills the holes `field` and `what` with its label
---@field part string|nil  of the field's parts: fills the hole `part`
---@field text string|nil  instead of a key: the words of somebody else

---@param item Told|string  a sentence stays as it is
function M.item(item)
  if type(item) == "string" then
    return item
  elseif item.text then
    return item.text
  end
  local label = item.field and M.label(item.field)
  local holes = { field = label, what = label, part = item.part and
    M.label(item.field, item.part) }
  for name, value in pairs(item.holes or {}) do
    holes[name] = text.bound(tostring(value), LONGEST)
  end
  return M.say(item.key, holes)
end

---@param items Told[]
---@return string[]
function M.items(items)
  local out = json.array {}
  for i, item in ipairs(items) do
    out[i] = M.item(item)
  end
  return out
end

local by_sentence

---An error's text, which travels in English: if it is a sentence of ours, in the CRM's language.
---@param said string
---@return string said, boolean ours  a sentence with its remedy
function M.error(said)
  if not by_sentence then
    by_sentence = {}
    for key, sentence in pairs(english) do
      by_sentence[sentence] = key
    end
  end
  local key = by_sentence[said]
  return key and M.say(key) or said, key ~= nil
end

---A sentence of ours as an error's text.
function M.english(key)
  return english[key] or error("no text " .. key, 2)
end

return setmetatable(M, { __call = function(_, key, holes) return M.say(key, holes) end })
