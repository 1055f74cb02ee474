-- In place of the variable "Deal value field name" and the assignments edited after it.
-- The deal value stands in a money column of your own, both ways.
return { field = "new_dealvalue" }
