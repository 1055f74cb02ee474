// The definitions half of the trial of dynamics-web-api: global option set, table, columns,
// relationships, key, each made, read back, changed and deleted through the client. Run by
// dynamics-web-api.js; everything it makes is gone at its end.
"use strict";
const { check, refused } = require("./kit.js");

const CRM = "Microsoft.Dynamics.CRM.";
const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const isGuid = (id) => GUID.test(id);
const SET = "Name='xcs_trialhelp'";
const TABLE = "LogicalName='xcs_trialbox'";

function label(text, language = 1033) {
  return { "@odata.type": CRM + "Label", LocalizedLabels: [
    { "@odata.type": CRM + "LocalizedLabel", Label: text, LanguageCode: language }] };
}
const textOf = (l) => l.UserLocalizedLabel.Label;
const NOT_REQUIRED = { Value: "None", CanBeChanged: true,
  ManagedPropertyLogicalName: "canmodifyrequirementlevelsettings" };

function column(kind, type, schema, more) {
  return { "@odata.type": CRM + kind + "AttributeMetadata", AttributeType: type,
    AttributeTypeName: { Value: kind + "Type" }, SchemaName: schema, DisplayName: label(schema),
    RequiredLevel: NOT_REQUIRED, ...more };
}

// Names begin with the prefix of a publisher, which has to be there first.
async function publisher(api) {
  const id = await check("a publisher", () => api.create({
    collection: "publishers", data: { uniquename: "xcosell", friendlyname: "Open co-sell",
      customizationprefix: "xcs", customizationoptionvalueprefix: 72700 } }), isGuid);
  await check("a solution of that publisher", () => api.create({ collection: "solutions",
    data: { uniquename: "xcs_trial", friendlyname: "Trial", version: "1.0.0.0",
      "publisherid@odata.bind": `publishers(${id})` } }), isGuid);
}

async function optionSets(api) {
  const id = await check("createGlobalOptionSet", () => api.createGlobalOptionSet({ data: {
    "@odata.type": CRM + "OptionSetMetadata", Name: "xcs_trialhelp", OptionSetType: "Picklist",
    DisplayName: label("Help"), Options: [{ Value: 727000000, Label: label("Architecture") },
      { Value: 727000001, Label: label("Other") }] } }), isGuid);
  const read = () => api.retrieveGlobalOptionSet({ key: SET,
    castType: CRM + "OptionSetMetadata" });
  await check("retrieveGlobalOptionSet by name, with a cast", async () => {
    const set = await read();
    return [set.MetadataId, textOf(set.DisplayName), set.Options.map((o) => [o.Value,
      textOf(o.Label)])];
  }, [id, "Help", [[727000000, "Architecture"], [727000001, "Other"]]]);
  await check("retrieveGlobalOptionSets", async () => (await api.retrieveGlobalOptionSets({
    select: ["Name"] })).value.some((set) => set.Name === "xcs_trialhelp"), true);
  await check("updateGlobalOptionSet changes its name", async () => {
    const set = await read();
    set.DisplayName = label("Help wanted");
    await api.updateGlobalOptionSet({ data: set, mergeLabels: true });
    const after = await read();
    return [textOf(after.DisplayName), after.Options.length];
  }, ["Help wanted", 2]);
  await check("callAction: InsertOptionValue", async () => {
    const answer = await api.callAction({ actionName: "InsertOptionValue", action: {
      OptionSetName: "xcs_trialhelp", Value: 727000002, Label: label("Pricing") } });
    return [answer.NewOptionValue, (await read()).Options.length];
  }, [727000002, 3]);
  await check("a second option set of that name is refused", async () => (await refused(
    () => api.createGlobalOptionSet({ data: { "@odata.type": CRM + "OptionSetMetadata",
      Name: "xcs_trialhelp", OptionSetType: "Picklist", DisplayName: label("Again"),
      Options: [] } }))).code.toLowerCase(), "0x80044345");
}

async function tables(api) {
  const made = {};
  made.table = await check("createEntity", () => api.createEntity({ data: {
    "@odata.type": CRM + "EntityMetadata", SchemaName: "xcs_TrialBox",
    DisplayName: label("Trial box"), DisplayCollectionName: label("Trial boxes"),
    Description: label("For a trial"), OwnershipType: "UserOwned", IsActivity: false,
    HasActivities: false, HasNotes: false, ChangeTrackingEnabled: true,
    Attributes: [column("String", "String", "xcs_Name", { IsPrimaryName: true, MaxLength: 200,
      FormatName: { Value: "Text" } })] } }), isGuid);
  await check("retrieveEntity shows the new table", async () => {
    const e = await api.retrieveEntity({ key: TABLE, select: ["LogicalName", "SchemaName",
      "EntitySetName", "PrimaryIdAttribute", "PrimaryNameAttribute", "ChangeTrackingEnabled"] });
    made.set = e.EntitySetName;
    return [e.MetadataId, e.SchemaName, e.PrimaryIdAttribute, e.PrimaryNameAttribute,
      e.ChangeTrackingEnabled, typeof e.EntitySetName];
  }, [made.table, "xcs_TrialBox", "xcs_trialboxid", "xcs_name", true, "string"]);
  await check("updateEntity, then callAction: PublishXml shows the new label", async () => {
    const e = await api.retrieveEntity({ key: TABLE });
    e.DisplayName = label("Box on trial");
    await api.updateEntity({ data: e, mergeLabels: true });
    await api.callAction({ actionName: "PublishXml", action: { ParameterXml:
      "<importexportxml><entities><entity>xcs_trialbox</entity></entities></importexportxml>" } });
    return textOf((await api.retrieveEntity({ key: TABLE, select: ["DisplayName"] }))
      .DisplayName);
  }, "Box on trial");
  await check("a schema name without a publisher's prefix is refused", async () => (await refused(
    () => api.createEntity({ data: { "@odata.type": CRM + "EntityMetadata",
      SchemaName: "TrialBox", DisplayName: label("x"), DisplayCollectionName: label("x"),
      OwnershipType: "UserOwned", IsActivity: false, HasActivities: false, HasNotes: false,
      Attributes: [column("String", "String", "xcs_Name", { IsPrimaryName: true,
        MaxLength: 200, FormatName: { Value: "Text" } })] } }))).code.toLowerCase(),
  "0x80044366");
  return made;
}

async function columns(api, made) {
  const create = (data) => api.createAttribute({ entityKey: TABLE, data });
  made.code = await check("createAttribute: text", () => create(column("String", "String",
    "xcs_Code", { MaxLength: 40, FormatName: { Value: "Text" } })), isGuid);
  await check("createAttribute: choices of the global option set", () => create(column(
    "MultiSelectPicklist", "Virtual", "xcs_Help", { SourceTypeMask: 0,
      "GlobalOptionSet@odata.bind": `/GlobalOptionSetDefinitions(${SET})` })), isGuid);
  await check("createAttribute: date only", () => create(column("DateTime", "DateTime",
    "xcs_Until", { Format: "DateOnly", DateTimeBehavior: { Value: "DateOnly" } })), isGuid);
  await check("retrieveAttribute with a cast", async () => {
    const a = await api.retrieveAttribute({ entityKey: TABLE,
      attributeKey: "LogicalName='xcs_code'", castType: CRM + "StringAttributeMetadata",
      select: ["LogicalName", "SchemaName", "MaxLength"] });
    return [a.MetadataId, a.SchemaName, a.MaxLength];
  }, [made.code, "xcs_Code", 40]);
  await check("updateAttribute", async () => {
    const cast = CRM + "StringAttributeMetadata";
    const a = await api.retrieveAttribute({ entityKey: TABLE,
      attributeKey: "LogicalName='xcs_code'", castType: cast });
    a.MaxLength = 60;
    a["@odata.type"] = cast;
    await api.updateAttribute({ entityKey: made.table, data: a, mergeLabels: true });
    return (await api.retrieveAttribute({ entityKey: TABLE,
      attributeKey: "LogicalName='xcs_code'", castType: cast, select: ["MaxLength"] })).MaxLength;
  }, 60);
  await check("new columns take values at once", async () => {
    const row = await api.create({ collection: made.set, data: { xcs_name: "Box", xcs_code: "C1",
      xcs_help: "727000001, 727000000", xcs_until: "2031-03-31" }, returnRepresentation: true });
    made.row = row.xcs_trialboxid;
    return [row.xcs_code, row.xcs_help, row.xcs_until];
  }, ["C1", "727000000,727000001", "2031-03-31"]);
}

async function relationships(api, made) {
  const many = { "@odata.type": CRM + "OneToManyRelationshipMetadata",
    SchemaName: "xcs_opportunity_trialbox", ReferencedEntity: "opportunity",
    ReferencedAttribute: "opportunityid", ReferencingEntity: "xcs_trialbox",
    CascadeConfiguration: { Assign: "NoCascade", Delete: "RemoveLink", Merge: "NoCascade",
      Reparent: "NoCascade", Share: "NoCascade", Unshare: "NoCascade" },
    Lookup: column("Lookup", "Lookup", "xcs_Opportunity") };
  await check("createRelationship (1:N)", () => api.createRelationship({ data: many }), isGuid);
  await check("retrieveRelationship with a cast", async () => {
    const r = await api.retrieveRelationship({ key: "SchemaName='xcs_opportunity_trialbox'",
      castType: CRM + "OneToManyRelationshipMetadata" });
    return [r.ReferencingEntity, r.ReferencingAttribute,
      r.ReferencingEntityNavigationPropertyName];
  }, ["xcs_trialbox", "xcs_opportunity", "xcs_Opportunity"]);
  await check("createRelationship (N:N)", () => api.createRelationship({ data: {
    "@odata.type": CRM + "ManyToManyRelationshipMetadata", SchemaName: "xcs_trialbox_account",
    Entity1LogicalName: "xcs_trialbox", Entity2LogicalName: "account",
    IntersectEntityName: "xcs_trialbox_account" } }), isGuid);
  await check("retrieveRelationships with a cast", async () => (await api.retrieveRelationships({
    castType: CRM + "ManyToManyRelationshipMetadata", select: ["SchemaName"] })).value
    .some((r) => r.SchemaName === "xcs_trialbox_account"), true);
  await check("a new N:N relationship joins rows at once", async () => {
    const account = await api.create({ collection: "accounts", data: { name: "Of a box" } });
    await api.associate({ collection: made.set, primaryKey: made.row,
      relationshipName: "xcs_trialbox_account", relatedCollection: "accounts",
      relatedKey: account });
    const row = await api.retrieve({ collection: made.set, key: made.row, select: ["xcs_name"],
      expand: [{ property: "xcs_trialbox_account", select: ["name"] }] });
    return row.xcs_trialbox_account.map((a) => a.name);
  }, ["Of a box"]);
}

// Until a condition holds, at most ten seconds.
async function until(holds) {
  for (let i = 0; i < 100; i += 1) {
    if (await holds()) return true;
    await new Promise((done) => setTimeout(done, 100));
  }
  return false;
}

async function keys(api, made) {
  const at = { collection: "EntityDefinitions", key: TABLE, navigationProperty: "Keys" };
  await check("a new alternate key", () => api.create({ ...at, data: {
    "@odata.type": CRM + "EntityKeyMetadata", SchemaName: "xcs_CodeKey",
    DisplayName: label("Code"), KeyAttributes: ["xcs_code"] } }), isGuid);
  await check("its index becomes active", () => until(async () => {
    const list = await api.retrieveMultiple({ ...at });
    const key = list.value.find((k) => k.LogicalName === "xcs_codekey");
    return key && key.EntityKeyIndexStatus === "Active";
  }), true);
  await check("upsert by the new key", async () => (await api.upsert({ collection: made.set,
    key: "xcs_code='C1'", data: { xcs_name: "Box by key" }, returnRepresentation: true,
    select: ["xcs_name"] })).xcs_trialboxid, made.row);
}

async function away(api) {
  await check("deleteRelationship", async () => {
    await api.deleteRelationship({ key: "SchemaName='xcs_trialbox_account'" });
    await api.deleteRelationship({ key: "SchemaName='xcs_opportunity_trialbox'" });
    return (await refused(() => api.retrieveRelationship({
      key: "SchemaName='xcs_trialbox_account'" }))).status;
  }, 404);
  await check("deletion of a column", async () => {
    await api.deleteRecord({ collection: "EntityDefinitions", key: TABLE,
      property: "Attributes(LogicalName='xcs_until')" });
    return (await refused(() => api.retrieveAttribute({ entityKey: TABLE,
      attributeKey: "LogicalName='xcs_until'" }))).status;
  }, 404);
  await check("an option set in use is not deleted", async () => (await refused(
    () => api.deleteGlobalOptionSet({ key: SET }))).code.toLowerCase(), "0x8004f01f");
  await check("deletion of the table, then of the option set", async () => {
    await api.deleteRecord({ collection: "EntityDefinitions", key: TABLE });
    await api.deleteGlobalOptionSet({ key: SET });
    const of = await Promise.all([refused(() => api.retrieveEntity({ key: TABLE })),
      refused(() => api.retrieveGlobalOptionSet({ key: SET }))]);
    return of.map((r) => r.status);
  }, [404, 404]);
}

module.exports = async function metadata(api) {
  await publisher(api);
  await optionSets(api);
  const made = await tables(api);
  await columns(api, made);
  await relationships(api, made);
  await keys(api, made);
  await away(api);
};
