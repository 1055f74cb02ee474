-- Multipart bodies and error values of the Dataverse client, as texts alone.
local batch = require "dynamics_batch"
local call = require "dynamics_call"

local function written(t)
  local kind, body = batch.write(
    { { method = "PATCH", path = "accounts(1)", headers = { B = "2", A = "1" }, body = "{}" } },
    { { method = "GET", path = "accounts?$top=1", headers = {} } }, "n")
  t.eq(kind, "multipart/mixed; boundary=batch_n")
  t.eq(body, table.concat({
    "--batch_n", "Content-Type: multipart/mixed; boundary=changeset_n", "",
    "--changeset_n", "Content-Type: application/http", "Content-Transfer-Encoding: binary",
    "Content-ID: 1", "", "PATCH /api/data/v9.2/accounts(1) HTTP/1.1", "A: 1", "B: 2", "", "{}",
    "--changeset_n--", "",
    "--batch_n", "Content-Type: application/http", "Content-Transfer-Encoding: binary", "",
    "GET /api/data/v9.2/accounts?$top=1 HTTP/1.1", "", "", "--batch_n--", "" }, "\r\n"))
end

local ANSWER = table.concat({ "preamble",
  "--b", 'Content-Type: multipart/mixed; boundary="c"', "",
  "--c", "Content-Type: application/http", "Content-ID: 1", "",
  "HTTP/1.1 204 No Content", 'ETag: W/"1"', "", "",
  "--c", "Content-Type: application/http", "content-id: 2", "",
  "HTTP/1.1 204 No Content", 'ETag: W/"2"',
  "--c--", "",
  "--b  ", "Content-Type: application/http", "",
  "HTTP/1.1 200 OK", "Content-Type: application/json", "", '{"a":"--b"}',
  "--b--", "after" }, "\n")

local function read(t)
  for _, text in ipairs { ANSWER, (ANSWER:gsub("\n", "\r\n")) } do
    local got = batch.read("Multipart/Mixed; charset=x; boundary=b", text)
    t.eq(#got, 2)
    t.eq(got[1].set[1].headers.etag, 'W/"1"')
    t.eq(got[1].set[2].headers.etag, 'W/"2"')
    t.eq(got[1].set[2].content_id, 2)
    t.eq(got[2].status, 200)
    t.eq(got[2].body, '{"a":"--b"}')
    -- Cut anywhere it is nil or an answer as whole as it was, never a raise.
    for stop = 1, #text - #"--b--after" - 4 do
      t.eq(batch.read("multipart/mixed; boundary=b", text:sub(1, stop)), nil, tostring(stop))
    end
  end
  t.eq(batch.read("application/json", "{}"), nil)
  t.eq(batch.read("multipart/mixed", "{}"), nil)
end

local JUDGED = {
  { 404, '{"error":{"code":"0x80040217","message":"m"}}', "absent" },
  { 404, '{"error":{"code":"0x8006088A","message":"segment"}}', "remote" },
  { 404, '{"error":{"code":"","message":"verb"}}', "remote" },
  { 404, "", "absent" },
  { 412, '{"error":{"code":"","message":"exists"}}', "conflict" },
  { 400, '{"error":{"code":"0x80044352","message":"old"}}', "absent" },
  { 400, '{"error":{"code":"0x80040265","message":"plug-in"}}', "remote" },
  { 400, '{"error":{"code":"0x80044150","message":"deadlock"}}', "net" },
  { 403, '{"error":{"code":"0x80040220","message":"prv"}}', "remote" },
  { 403, '{"error":{"code":"0x80072560","message":"no member"}}', "auth" },
  { 401, "", "auth" },
  { 503, "<html>", "net" },
  { 429, '{"error":{"code":"0x80072322","message":"slow"}}', "busy" },
}

local function judged(t)
  for _, j in ipairs(JUDGED) do
    local headers = { ["retry-after"] = "7", ["x-ms-service-request-id"] = "q" }
    local err = call.failure({ status = j[1], headers = headers, body = j[2] }, "read a row")
    t.eq(err.kind, j[3], j[2])
    t.eq(err.wait_ms, j[3] == "busy" and 7000 or nil)
    t.eq(err.request_id, "q")
    t.ok(#err.text <= 300 and err.text:find("read a row", 1, true))
  end
end

return function(t)
  t.case("batch_written_with_crlf", function() written(t) end)
  t.case("batch_read_nested_and_cut", function() read(t) end)
  t.case("failure_code_before_status", function() judged(t) end)
end
