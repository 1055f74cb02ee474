-- The shipped answer of deal_value.lua: one column for both ways, and where its currency stands.
return {
  field = ctx.setting("deal_value_field"),
  currency = ctx.setting("deal_value_currency_field"),
}
