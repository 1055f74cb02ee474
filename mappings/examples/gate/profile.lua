return { practice = true, state = "../../../build/sandbox.db" }
