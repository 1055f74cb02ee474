-- In place of a translation step around the account's country: the original takes two letters.
-- The account holds the country's name in Japanese; it is read in any language.
return {
  field = "new_countryname",
  from_code = function(code) return ctx.country.name_of(code, "ja") end,
}
