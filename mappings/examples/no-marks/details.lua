-- In place of the variable "Display check mark in the opportunity name" set to No.
-- No name is marked; marks that stand there already are taken off.
return { api = 1, marks = false }
