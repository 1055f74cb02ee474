// Drives a running practice CRM with the npm package dynamics-web-api, unmodified: each call is
// checked by value. Every row it reads it has made before.
"use strict";
const { CRM, signIn, client, check, refused, close, counts } = require("./kit.js");

const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const NOBODY = "0b000000-0000-4000-8000-0000000000ff";
const FORMATTED = "@OData.Community.Display.V1.FormattedValue";
const isGuid = (id) => GUID.test(id);
const names = (list, column = "name") => list.value.map((row) => row[column]).join(",");

async function rows(api) {
  const made = {};
  made.account = await check("create answers the id",
    () => api.create({ collection: "accounts", data: { name: "Birke Möbel", telephone1: "1",
      numberofemployees: 12, description: "mine" } }), isGuid);
  await check("create, returning what was selected", async () => {
    const row = await api.create({ collection: "accounts", data: { name: "Fir Works",
      description: "mine", numberofemployees: 30 }, returnRepresentation: true,
    select: ["name", "numberofemployees"] });
    made.second = row.accountid;
    return [row.name, row.numberofemployees, row.telephone1];
  }, ["Fir Works", 30, undefined]);
  await check("create with rows inside it (deep insert)", async () => {
    const row = await api.create({ collection: "accounts", data: { name: "Deep GmbH",
      description: "mine", primarycontactid: { firstname: "Ada", lastname: "Deep" },
      opportunity_parent_account: [{ name: "Inner deal" }] }, returnRepresentation: true,
    select: ["name"], expand: [{ property: "primarycontactid", select: ["fullname"] },
      { property: "opportunity_parent_account", select: ["name"] }] });
    made.deep = row.accountid;
    return [row.primarycontactid.fullname, row.opportunity_parent_account[0].name];
  }, ["Ada Deep", "Inner deal"]);
  await check("retrieve with select", async () => {
    const row = await api.retrieve({ collection: "accounts", key: made.account,
      select: ["name", "telephone1"] });
    made.tag = row["@odata.etag"];
    return [row.name, row.telephone1, row.accountid, row.description];
  }, ["Birke Möbel", "1", made.account, undefined]);
  await check("retrieve with the current tag: not modified", () => api.retrieve({
    collection: "accounts", key: made.account, select: ["name"], ifnonematch: made.tag }),
  undefined);
  await check("update answers true", () => api.update({ collection: "accounts",
    key: made.account, data: { telephone1: "2" } }), true);
  await check("update with a stale tag answers false", () => api.update({
    collection: "accounts", key: made.account, data: { telephone1: "3" }, ifmatch: made.tag }),
  false);
  await check("update, returning the row", async () => (await api.update({
    collection: "accounts", key: made.account, data: { telephone1: "4" },
    returnRepresentation: true, select: ["telephone1"] })).telephone1, "4");
  await check("update of a missing row is refused", () => refused(() => api.update({
    collection: "accounts", key: NOBODY, data: { name: "x" } })),
  { status: 404, code: "0x80040217" });
  await check("update of a single property", async () => {
    await api.updateSingleProperty({ collection: "accounts", key: made.account,
      fieldValuePair: { address1_city: "Bremen" } });
    return (await api.retrieve({ collection: "accounts", key: made.account,
      select: ["address1_city"] })).address1_city;
  }, "Bremen");
  await check("deletion of a single property", async () => {
    await api.deleteRecord({ collection: "accounts", key: made.account,
      property: "address1_city" });
    return (await api.retrieve({ collection: "accounts", key: made.account,
      select: ["address1_city"] })).address1_city;
  }, null);
  return made;
}

async function upserts(api) {
  const upsert = (data, more) => api.upsert({ collection: "accounts",
    key: "accountnumber='B''7'", data, ...more });
  await check("upsert by alternate key makes the row", async () => {
    const row = await upsert({ name: "By key" }, { returnRepresentation: true,
      select: ["name", "accountnumber"] });
    return [row.name, row.accountnumber];
  }, ["By key", "B'7"]);
  await check("upsert by alternate key changes the row", async () => {
    await upsert({ name: "By key again" });
    return (await api.retrieve({ collection: "accounts", key: "accountnumber='B''7'",
      select: ["name"] })).name;
  }, "By key again");
  await check("upsert that may only make answers null", () => upsert({ name: "x" },
    { ifnonematch: "*" }), null);
  await check("upsert that may only change answers null", () => api.upsert({
    collection: "accounts", key: NOBODY, data: { name: "x" }, ifmatch: "*" }), null);
  await check("a second row with that key is refused", () => refused(() => api.create({
    collection: "accounts", data: { name: "Copy", accountnumber: "B'7" } })),
  { status: 412, code: "0x80060892" });
  await check("delete by alternate key", () => api.deleteRecord({ collection: "accounts",
    key: "accountnumber='B''7'" }), true);
  await check("delete of a missing row is refused", () => refused(() => api.deleteRecord({
    collection: "accounts", key: NOBODY })), { status: 404, code: "0x80040217" });
}

async function links(api, made) {
  const deal = await api.create({ collection: "opportunities", data: { name: "Linked",
    "parentaccountid@odata.bind": `accounts(${made.account})` } });
  const parent = async () => (await api.retrieve({ collection: "opportunities", key: deal,
    select: ["_parentaccountid_value"] }))._parentaccountid_value;
  made.deal = deal;
  await check("create with a bind", parent, made.account);
  await check("associateSingleValued (N:1)", async () => {
    await api.associateSingleValued({ collection: "opportunities", primaryKey: deal,
      navigationProperty: "parentaccountid", relatedCollection: "accounts",
      relatedKey: made.second });
    return parent();
  }, made.second);
  await check("disassociateSingleValued (N:1)", async () => {
    await api.disassociateSingleValued({ collection: "opportunities", primaryKey: deal,
      navigationProperty: "parentaccountid" });
    return parent();
  }, null);
  await check("associate (1:N)", async () => {
    await api.associate({ collection: "accounts", primaryKey: made.account,
      relationshipName: "opportunity_parent_account", relatedCollection: "opportunities",
      relatedKey: deal });
    return parent();
  }, made.account);
  await check("disassociate (1:N)", async () => {
    await api.disassociate({ collection: "accounts", primaryKey: made.account,
      relationshipName: "opportunity_parent_account", relatedKey: deal });
    return parent();
  }, null);
  const lead = await api.create({ collection: "leads", data: { subject: "S", lastname: "L" } });
  const joined = async () => (await api.retrieve({ collection: "accounts", key: made.account,
    select: ["name"], expand: [{ property: "accountleads_association", select: ["subject"] }] }))
    .accountleads_association.map((row) => row.subject);
  await check("associate (N:N)", async () => {
    await api.associate({ collection: "accounts", primaryKey: made.account,
      relationshipName: "accountleads_association", relatedCollection: "leads",
      relatedKey: lead });
    return joined();
  }, ["S"]);
  await check("disassociate (N:N)", async () => {
    await api.disassociate({ collection: "accounts", primaryKey: made.account,
      relationshipName: "accountleads_association", relatedKey: lead });
    return joined();
  }, []);
}

async function queries(api, made) {
  const many = (more) => api.retrieveMultiple({ collection: "accounts", select: ["name"],
    filter: "description eq 'mine'", ...more });
  await check("retrieveMultiple: filter and order", async () => names(await many({
    orderBy: ["name desc"] })), "Fir Works,Deep GmbH,Birke Möbel");
  await check("retrieveMultiple: umlauts, quotes and signs in a filter", async () => names(
    await many({ filter: "name eq 'birke MÖBEL' or name eq 'a''b & c + d'" })), "Birke Möbel");
  await check("retrieveMultiple: top", async () => names(await many({ top: 1,
    orderBy: ["name"] })), "Birke Möbel");
  await check("retrieveMultiple: count", async () => (await many({ count: true })).oDataCount, 3);
  await check("retrieveMultiple: contains, and, not, numbers, null", async () => names(
    await many({ filter: "contains(name,'r') and not (numberofemployees gt 20) and "
      + "numberofemployees ne null and description eq 'mine'" })), "Birke Möbel");
  await check("retrieveMultiple: In", async () => names(await many({ orderBy: ["name"],
    filter: "Microsoft.Dynamics.CRM.In(PropertyName='numberofemployees',"
      + "PropertyValues=['12','30']) and description eq 'mine'" })), "Birke Möbel,Fir Works");
  await check("retrieveMultiple: any", async () => names(await many({
    filter: "opportunity_parent_account/any(o:o/name eq 'Inner deal')" })), "Deep GmbH");
  await check("retrieveMultiple: expand of a look-up and a collection", async () => {
    const list = await many({ filter: `accountid eq ${made.deep}`, expand: [
      { property: "primarycontactid", select: ["fullname"] },
      { property: "opportunity_parent_account", select: ["name"], orderBy: ["name asc"] }] });
    const row = list.value[0];
    return [row.primarycontactid.fullname, names({ value: row.opportunity_parent_account })];
  }, ["Ada Deep", "Inner deal"]);
  await check("annotations", async () => {
    await api.update({ collection: "opportunities", key: made.deal, data: {
      "customerid_account@odata.bind": `accounts(${made.account})` } });
    const list = await api.retrieveMultiple({ collection: "opportunities",
      select: ["statuscode", "_customerid_value"], filter: `opportunityid eq ${made.deal}`,
      includeAnnotations: "*" });
    const row = list.value[0];
    return [row["statuscode" + FORMATTED], row.statuscode_Formatted,
      row._customerid_value_LogicalName, row._customerid_value_NavigationProperty];
  }, ["In Progress", "In Progress", "account", "customerid_account"]);
  await paging(api, many);
  await check("count", () => api.count({ collection: "accounts" }), (n) => n >= 3);
  await check("count with a filter", () => api.count({ collection: "accounts",
    filter: "description eq 'mine'" }), 3);
  await check("countAll", () => api.countAll({ collection: "accounts",
    filter: "description eq 'mine'" }), 3);
  await check("a query longer than 2000 characters travels as a batch", async () => {
    const filler = Array.from({ length: 60 }, (_, i) => `name eq 'nobody of this name ${i}'`);
    return names(await many({ filter: filler.join(" or ") + " or name eq 'Fir Works'" }));
  }, "Fir Works");
}

async function paging(api, many) {
  let first;
  await check("paging: the first page", async () => {
    first = await many({ orderBy: ["name"], maxPageSize: 2 });
    return [names(first), typeof first.oDataNextLink];
  }, ["Birke Möbel,Deep GmbH", "string"]);
  await check("paging: the next page", async () => {
    const next = await api.retrieveMultiple({ collection: "accounts", select: ["name"],
      maxPageSize: 2 }, first.oDataNextLink);
    return [names(next), next.oDataNextLink];
  }, ["Fir Works", undefined]);
  await check("retrieveAll", async () => names(await api.retrieveAll({ collection: "accounts",
    select: ["name"], filter: "description eq 'mine'", orderBy: ["name"], maxPageSize: 1 })),
  "Birke Möbel,Deep GmbH,Fir Works");
}

async function changes(api, made) {
  let link;
  await check("trackChanges: the first read ends in a delta link", async () => {
    const list = await api.retrieveMultiple({ collection: "opportunities", select: ["name"],
      trackChanges: true });
    link = list.oDataDeltaLink;
    return [names(list).split(",").sort().join(","), typeof link];
  }, ["Inner deal,Linked", "string"]);
  await check("a delta link answers what was changed and what was deleted", async () => {
    const gone = await api.create({ collection: "opportunities", data: { name: "Gone" } });
    await api.update({ collection: "opportunities", key: made.deal, data: { name: "Linked 2" } });
    await api.deleteRecord({ collection: "opportunities", key: gone });
    const list = await api.retrieveMultiple({ collection: "opportunities", select: ["name"] },
      link);
    return [list.value.length, list.value[0].name, list.value[1].reason,
      list.value[1].id === gone];
  }, [2, "Linked 2", "deleted", true]);
  await check("trackChanges with a filter is refused", () => refused(
    () => api.retrieveMultiple({ collection: "opportunities", filter: "name eq 'x'",
      trackChanges: true })), { status: 400, code: "0x80060888" });
}

async function batches(api) {
  await check("batch: a change set with references, then a read", async () => {
    api.startBatch();
    api.create({ collection: "accounts", data: { name: "In batch" }, contentId: "1" });
    api.create({ collection: "opportunities", data: { name: "Of batch",
      "parentaccountid@odata.bind": "$1" }, contentId: "2" });
    api.update({ collection: "$1", data: { telephone1: "9" } });
    api.retrieveMultiple({ collection: "opportunities", select: ["name"],
      filter: "name eq 'Of batch'", expand: [{ property: "parentaccountid",
        select: ["name", "telephone1"] }] });
    const [account, deal, , list] = await api.executeBatch();
    const parent = list.value[0].parentaccountid;
    return [isGuid(account), isGuid(deal), list.value[0].opportunityid === deal, parent.name,
      parent.telephone1];
  }, [true, true, true, "In batch", "9"]);
  await check("batch: a failed change set leaves nothing", async () => {
    api.startBatch();
    api.create({ collection: "accounts", data: { name: "Rolled back" }, contentId: "1" });
    api.update({ collection: "accounts", key: NOBODY, data: { name: "x" } });
    const failed = await api.executeBatch().then(() => "not refused", (errors) => errors);
    const left = await api.count({ collection: "accounts", filter: "name eq 'Rolled back'" });
    return [Array.isArray(failed), failed[0].error.code, left];
  }, [true, "0x80040217", 0]);
  await check("batch: goes on after an error when asked to", async () => {
    api.startBatch();
    api.create({ collection: "accounts", data: { name: "One" }, inChangeSet: false });
    api.retrieve({ collection: "accounts", key: NOBODY, select: ["name"] });
    api.create({ collection: "accounts", data: { name: "Three" }, inChangeSet: false });
    const out = await api.executeBatch({ continueOnError: true });
    return [isGuid(out[0]), out[1].error.code, isGuid(out[2])];
  }, [true, "0x80040217", true]);
  await check("batch: a count and a text", async () => {
    api.startBatch();
    api.count({ collection: "accounts", filter: "name eq 'Three'" });
    api.count({ collection: "transactioncurrencies" });
    return api.executeBatch();
  }, [1, 3]);
}

async function calls(api, made) {
  const me = await check("callFunction: WhoAmI", () => api.callFunction("WhoAmI"),
    (answer) => isGuid(answer.UserId) && isGuid(answer.OrganizationId));
  await check("callFunction with parameters", async () => {
    const answer = await api.callFunction({ name: "RetrieveTotalRecordCount",
      parameters: { EntityNames: ["organization", "transactioncurrency"] } });
    const { Keys, Values } = answer.EntityRecordCountCollection;
    return [Keys, Values];
  }, [["organization", "transactioncurrency"], [1, 3]]);
  await check("callFunction with an enum", async () => (await api.callFunction({
    name: "RetrieveCurrentOrganization", parameters: { AccessType:
      "Microsoft.Dynamics.CRM.EndpointAccessType'Default'" } })).Detail.OrganizationId,
  me.OrganizationId);
  await check("callAction: WinOpportunity", async () => {
    await api.callAction({ actionName: "WinOpportunity", action: { Status: 3,
      OpportunityClose: { subject: "Won", actualrevenue: 7,
        "opportunityid@odata.bind": `opportunities(${made.deal})` } } });
    const row = await api.retrieve({ collection: "opportunities", key: made.deal,
      select: ["statecode", "statuscode", "actualvalue"] });
    return [row.statecode, row.statuscode, row.actualvalue];
  }, [1, 3, 7]);
  await check("callAction: WinOpportunity twice is refused", () => refused(() => api.callAction({
    actionName: "WinOpportunity", action: { Status: 3, OpportunityClose: { subject: "Won",
      "opportunityid@odata.bind": `opportunities(${made.deal})` } } })),
  { status: 400, code: "0x80040515" });
  await check("callAction, bound: QualifyLead", async () => {
    const lead = await api.create({ collection: "leads", data: { subject: "Talk",
      lastname: "Ito", companyname: "Ito Foods" } });
    const answer = await api.callAction({ collection: "leads", key: lead,
      actionName: "Microsoft.Dynamics.CRM.QualifyLead", action: { CreateAccount: true,
        CreateContact: true, CreateOpportunity: true, Status: 3 } });
    return answer.value.map((row) => row["@odata.type"]);
  }, ["#Microsoft.Dynamics.CRM.account", "#Microsoft.Dynamics.CRM.contact",
    "#Microsoft.Dynamics.CRM.opportunity"]);
}

async function definitions(api, token) {
  const entity = await check("retrieveEntity by logical name", () => api.retrieveEntity({
    key: "LogicalName='opportunity'", select: ["LogicalName", "EntitySetName",
      "PrimaryIdAttribute"] }), (e) => e.EntitySetName === "opportunities"
    && e.PrimaryIdAttribute === "opportunityid" && isGuid(e.MetadataId));
  await check("retrieveEntities with a filter", async () => (await api.retrieveEntities({
    select: ["LogicalName"], filter: "LogicalName eq 'account'" })).value.map(
    (e) => e.LogicalName), ["account"]);
  let attribute;
  await check("retrieveAttributes by the id of the table", async () => {
    const list = await api.retrieveAttributes({ entityKey: entity.MetadataId,
      select: ["LogicalName", "AttributeType"], filter: "LogicalName eq 'estimatedvalue'" });
    attribute = list.value[0];
    return [attribute.LogicalName, attribute.AttributeType];
  }, ["estimatedvalue", "Money"]);
  await check("retrieveAttribute by id, with a cast", async () => (await api.retrieveAttribute({
    entityKey: entity.MetadataId, attributeKey: attribute.MetadataId,
    castType: "Microsoft.Dynamics.CRM.MoneyAttributeMetadata",
    select: ["LogicalName", "PrecisionSource"] })).PrecisionSource, 2);
  await check("retrieveAttributes with a cast and its options", async () => {
    const list = await api.retrieveAttributes({ entityKey: "LogicalName='opportunity'",
      castType: "Microsoft.Dynamics.CRM.PicklistAttributeMetadata", select: ["LogicalName"],
      filter: "LogicalName eq 'opportunityratingcode'", expand: [{ property: "OptionSet" }] });
    return list.value[0].OptionSet.Options.map((o) => o.Label.UserLocalizedLabel.Label);
  }, ["Hot", "Warm", "Cold"]);
  await check("retrieveCsdlMetadata", () => api.retrieveCsdlMetadata(), (text) =>
    text.includes('<EntitySet Name="opportunities"') && text.includes("edmx:Edmx"));
  const named = client(token, { useEntityNames: true });
  await check("entity names instead of set names", async () => names(
    await named.retrieveMultiple({ collection: "account", select: ["name"],
      filter: "name eq 'Fir Works'" })), "Fir Works");
}

async function errors(api) {
  const query = (more) => refused(() => api.retrieveMultiple({ collection: "accounts", ...more }));
  await check("an unknown set", () => refused(() => api.retrieveMultiple({
    collection: "nothings" })), { status: 404, code: "0x8006088a" });
  await check("an unknown column", () => query({ select: ["nope"] }),
    { status: 400, code: "0x0" });
  await check("a bad filter", () => query({ filter: "name eq" }),
    { status: 400, code: "0x80060888" });
  await check("an unknown property in a body", () => refused(() => api.create({
    collection: "accounts", data: { nope: 1 } })), { status: 400, code: "0x80048d19" });
  await check("a text that is too long", () => refused(() => api.create({
    collection: "accounts", data: { name: "x".repeat(161) } })),
  { status: 400, code: "0x80044331" });
  await check("a body that is too long", () => refused(() => api.create({
    collection: "accounts", data: { description: "x".repeat(13 * 2 ** 20) } })),
  { status: 413, code: "0x80060888" });
  await check("the bare customer column", () => refused(() => api.create({
    collection: "opportunities", data: { name: "x",
      "customerid@odata.bind": `accounts(${NOBODY})` } })), { status: 400, code: "0x80048d19" });
  await check("a token that is none: 401 with an empty body", async () => (await refused(
    () => client("nonsense").callFunction("WhoAmI"))).status, 401);
  await check("the message of an error", async () => {
    const e = await api.retrieve({ collection: "accounts", key: NOBODY, select: ["name"] })
      .catch((problem) => problem);
    return [e.name !== undefined, e.message, e.status];
  }, [true, `Entity 'account' With Id = ${NOBODY} Does Not Exist`, 404]);
}

async function run() {
  const token = await signIn();
  const api = client(token);
  console.log(`# dynamics-web-api against ${CRM}`);
  const made = await rows(api);
  await upserts(api);
  await links(api, made);
  await queries(api, made);
  await changes(api, made);
  await batches(api);
  await calls(api, made);
  await definitions(api, token);
  await errors(api);
  await require("./metadata.js")(api);
}

run().catch((e) => {
  console.log("not ok - the script ran to its end\n#   " + (e && e.stack || e));
  counts.failed += 1;
}).finally(close);
