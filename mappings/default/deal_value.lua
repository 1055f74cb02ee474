-- The shipped answer of deal_value.lua: one column for both ways, in the currency of its row.
return { field = ctx.setting("deal_value_field"), currency = "row" }
