-- In place of an edited currency assignment: the original sends the currency of the row.
-- The amount goes out in the organisation's own currency, as the CRM computes it; what comes in is
-- written as it is.
return { read = "new_dealvalue_base", currency = "base", write = "new_dealvalue" }
