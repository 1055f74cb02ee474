// What the scripts of this folder share: signing in at the practice environment, a client of the
// package under trial, and checks that print one line each.
"use strict";
const { isDeepStrictEqual, inspect } = require("node:util");
const { DynamicsWebApi } = require("dynamics-web-api");

const CRM = process.env.COSELL_SIM_CRM;

async function signIn() {
  const answer = await fetch(process.env.COSELL_SIM_TOKEN_URL_V2, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: process.env.COSELL_SIM_CRM_CLIENT,
      client_secret: process.env.COSELL_SANDBOX_CRM_SECRET,
      scope: CRM + "/.default",
    }),
  });
  const body = await answer.json();
  if (!body.access_token) throw new Error("sign-in: " + JSON.stringify(body));
  return body.access_token;
}

// A client; every request takes the token that was fetched at first.
function client(token, more) {
  return new DynamicsWebApi({
    serverUrl: CRM, dataApi: { version: "9.2" }, onTokenRefresh: async () => token, ...more,
  });
}

const counts = { passed: 0, failed: 0 };

// One call and what it must come to: check(name, call, wanted) compares by value; a function as
// wanted looks at the value and answers true, or what is wrong.
async function check(name, call, wanted) {
  let got, problem;
  try {
    got = await call();
    const ok = typeof wanted === "function" ? wanted(got) : isDeepStrictEqual(got, wanted);
    if (ok !== true) problem = "got " + inspect(got, { depth: 4, breakLength: 200 });
  } catch (e) {
    problem = "raised " + (e && e.status ? `${e.status} ${e.code} ${e.message}` : inspect(e));
  }
  counts[problem ? "failed" : "passed"] += 1;
  console.log((problem ? "not ok - " : "ok - ") + name + (problem ? "\n#   " + problem : ""));
  return got;
}

// A call that must be refused; answers status and code.
async function refused(call) {
  try {
    await call();
  } catch (e) {
    return { status: e.status, code: e.code };
  }
  return "not refused";
}

function close() {
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1;
}

module.exports = { CRM, signIn, client, check, refused, close, counts };
