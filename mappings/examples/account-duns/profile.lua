-- duns_field: the number of an account also goes to Partner Center.
return { practice = true, state = "../../../build/sandbox.db",
  settings = { duns_field = "new_duns" } }
