-- The shipped answers of country.lua: a text column that may hold a code or a name in any language,
-- and gets the ISO 3166-1 code.
return {
  field = ctx.setting("country_field"),
  to_code = function(value) return ctx.country.to_code(value) end,
  from_code = function(code) return code end,
}
