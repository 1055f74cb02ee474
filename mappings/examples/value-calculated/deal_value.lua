-- In place of a calculated column as the deal value, with its assignment taken out by hand.
-- The CRM's sum goes out and is never written.  What Partner Center says comes into a column beside
-- it, for the seller to see.
return { read = "new_totalvalue", write = "new_microsoftvalue" }
