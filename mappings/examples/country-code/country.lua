-- In place of the variable "Customer Account Country Code field name".
-- A text column of your own holds the two letters, both ways.
return { field = "new_countrycode" }
