-- In place of the hidden text column that is filled both ways beside a country look-up.
-- The account looks its country up in a table that has a column for the code.
return { field = "new_countryid", code = "new_isocode" }
