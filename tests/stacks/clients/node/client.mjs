// The sequence by node's `soap`. Its habits: a date is a Date, bytes are base64 text, the fault's
// text loses its trailing blank, and elements are put into the order of the WSDL.
import soap from "soap";

const STACK = "node";
const UNIT = `stack-${STACK}`;
const SITE = `STACK-${STACK}`;
const AUTHOR = `NOC (via ${STACK})`;
const TITLE = 'Zürich – 北京: loss & "delay" <2 %';
const QUOTED = TITLE.replaceAll('"', '""');
const TEXT = "Größe: 40 µs\n第二行\n😀 & <b>";
const BYTES = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
const { PORTAL_URL: url, PORTAL_LOGIN: login } = process.env;
let password = process.env.PORTAL_PASSWORD;
const clients = {};
const known = {};

async function connected(service) {
  clients[service] ??= await soap.createClientAsync(`${url}/arsys/WSDL/public/ggus/${service}`);
  return clients[service];
}

async function call(service, operation, values) {
  const client = await connected(service);
  client.clearSoapHeaders();
  client.addSoapHeader(
    { AuthenticationInfo: { userName: login, password } }, "", "tns", `urn:${service}`);
  const [answer] = await client[`${operation}Async`](values);
  return answer;
}

async function step(name, operation, work) {
  let line;
  try {
    line = { outcome: "ok", seen: await work() };
  } catch (error) {
    const fault = error.root?.Envelope?.Body?.Fault;
    line = fault
      ? { outcome: "fault", seen: fault.faultstring }
      : { outcome: "error", seen: String(error) };
  }
  console.log(JSON.stringify({ step: name, operation, ...line }));
}

const remember = (key, value) => (known[key] = value);
const timeOf = (date) => date.toISOString().replace(/\.\d+Z$/, "Z");
const allRows = (answer) => [answer.getListValues].flat();
const some = (row, names) => Object.fromEntries(names.map((name) => [name, row[name] ?? null]));
const rowsOf = (answer, names) => ({
  shape: Array.isArray(answer.getListValues) ? "list" : "object",
  rows: allRows(answer).map((row) => some(row, names)),
});

const create = async () =>
  (await call("GGUS", "OpCreate", {
    "GHD_Date_Time_Of_Problem": "2016-09-15 10:00:00",
    "GHD_Description": TEXT,
    "GHD_E-Mail": null,
    "GHD_Loginname": "noc-demo",
    "GHD_Name": "NOC",
    "GHD_Origin_ID": "1",
    "GHD_Priority": "urgent",
    "GHD_Responsible_Unit": UNIT,
    "GHD_Short_Description": TITLE,
    "GHD_Status": "new",
    "GHD_Type_Of_Problem": "Network",
    "GHD_Last_Modifier": AUTHOR,
    "GHD_Last_Login": login,
    "GHD_Origin_SG": STACK,
    "GHD_Affected_Site": SITE,
    "GHD_Affected_VO": "lhcb",
  })).GHD_Request_ID;

const second = async () =>
  (await call("GGUS", "TicketCreate", {
    GHD_Description: "text",
    GHD_Submitter_Mail: "noc-demo@example.org",
    GHD_Origin_ID: "",
    GHD_Responsible_Unit: UNIT,
    GHD_Short_Description: "second",
    GHD_Last_Modifier: AUTHOR,
    GHD_Last_Login: login,
    GHD_Origin_SG: STACK,
  }))["GHD_Request-ID"];

async function get(number) {
  const got = await call("GGUS", "TicketGet", { GHD_Request_ID: number });
  return {
    ...some(got, [
      "GHD_Short_Description", "GHD_Description", "GHD_Status", "GHD_Priority",
      "GHD_Responsible_Unit", "GHD_Affected_Site", "GHD_Affected_VO", "GHD_Ticket_Type",
      "GHD_Origin_SG", "GHD_E-Mail", "GHD_Public_Diary",
    ]),
    GHD_Date_Of_Creation: timeOf(got.GHD_Date_Of_Creation),
    GHD_Date_Of_Change: timeOf(got.GHD_Date_Of_Change),
  };
}

const modify = async (values) =>
  (await call("GGUS", "TicketModify", {
    GHD_Request_ID: known.first,
    GHD_Last_Modifier: AUTHOR,
    GHD_Last_Login: login,
    ...values,
  })).GHD_Request_ID;

async function history() {
  const answer = await call("GGUS_HISTORY", "OpGetTicketHist", {
    GHD_Request_ID: known.first,
    startRecord: "",
    maxLimit: "",
  });
  return {
    ...rowsOf(answer, ["GHD_Last_Modifier", "GHD_Status", "GHD_Priority"]),
    dates: allRows(answer).map((row) => timeOf(row.GHD_Creation_Date)),
  };
}

const add = async () =>
  remember("attachment", (await call("GGUS_ATTACH", "AddAttachment", {
    GAT_Attachment_Name: "bytes-ü.bin",
    GAT_Attachment_Data: BYTES.toString("base64"),
    GAT_Attachment_Orig_Size: BYTES.length,
    GAT_Request_ID: known.first,
    GAT_Last_Modifier: AUTHOR,
    GAT_Last_Login: login,
  })).GAT_Attachment_ID);

const ids = async (number) =>
  rowsOf(await call("GGUS_ATTACH", "GetAttachIDs", { GAT_Request_ID: number }),
    ["GAT_Attachment-ID", "GAT_Attachment_attachmentName"]);

const hex = (text) => Buffer.from(text, "base64").toString("hex");

async function whole() {
  const answer = await call("GGUS_ATTACH", "GetAttachments", { GAT_Request_ID: known.first });
  const found = rowsOf(answer,
    ["GAT_Attachment_ID", "GAT_Attachment_Orig_Size", "GAT_Attachment_Name"]);
  for (const row of found.rows) row.GAT_Attachment_Orig_Size = String(row.GAT_Attachment_Orig_Size);
  return { ...found, hex: allRows(answer).map((row) => hex(row.GAT_Attachment_Data)) };
}

async function one() {
  const got = await call("GGUS_ATTACH", "GetOneAttachment", { GAT_Attachment_ID: known.attachment });
  return {
    "GAT_Request-ID": got["GAT_Request-ID"],
    name: got.GAT_Attachment_attachmentName,
    size: String(got.GAT_Attachment_attachmentOrigSize),
    hex: hex(got.GAT_Attachment_attachmentData),
  };
}

const child = async () =>
  remember("child", (await call("GGUS", "OpCreateChild", {
    GHD_Responsible_Unit: UNIT,
    GHD_Short_Description: "child",
    GHD_Last_Modifier: AUTHOR,
    GHD_Last_Login: login,
    GHD_Parent_ID: known.first,
    GHD_Parent_Child_Relation: "Child",
  })).GHD_Request_ID);

const listed = async (values, names) => rowsOf(await call("GGUS", "TicketGetList", values), names);

async function pages() {
  const found = [];
  while (found.length < 9) {
    try {
      const answer = await call("GGUS", "TicketGetList", {
        Qualification: `'GHD_Responsible Unit'="${UNIT}"`,
        startRecord: String(2 * found.length),
        maxLimit: "2",
      });
      found.push(allRows(answer).map((row) => row.GHD_Request_ID));
    } catch (error) {
      const fault = error.root?.Envelope?.Body?.Fault;
      if (!fault) throw error;
      return { pages: found, end: fault.faultstring };
    }
  }
  return { pages: found, end: null };
}

const oneSite = `'GHD_Affected Site'="${SITE}" AND 'GHD_Affected VO'="lhcb"`;
const byTitle = `'GHD_Affected Site'="${SITE}" AND      'GHD_Short Description'="${QUOTED}"`
  + ` AND 'GHD_Meta Status'="Open"`;
const ofUnits = `'GHD_Meta Status'!="Closed" and ('GHD_Responsible Unit' = "${UNIT}"`
  + ` or 'GHD_Responsible Unit' = "B" )`;
const past = `${oneSite} AND 'GHD_Date Of Creation'<2012-01-01`;
const row = ["GHD_Request_ID", "GHD_Status", "GHD_Short_Description", "GHD_Affected_Site"];
await step("create", "OpCreate", async () => remember("first", await create()));
await step("repeat", "OpCreate", create);
await step("create 2", "TicketCreate", async () => remember("second", await second()));
await step("get", "TicketGet", () => get(known.first));
await step("get 2", "TicketGet", () => get(known.second));
await step("list one", "TicketGetList", () => listed({ Qualification: oneSite }, row));
await step("list unit", "TicketGetList", () =>
  listed({ GHD_Responsible_Unit: UNIT, GHD_Meta_Status: "Open" }, ["GHD_Request_ID"]));
await step("list title", "TicketGetList", () => listed({ Qualification: byTitle }, [row[0]]));
await step("list all", "TicketGetList", () =>
  listed({ Qualification: ofUnits, maxLimit: "-1" }, [row[0]]));
await step("list nothing", "TicketGetList", () => listed({ Qualification: past }, row));
await step("diary", "TicketModify", () => modify({
  GHD_Status: "in progress",
  GHD_Public_Diary: "first\nentry: ü & <",
  GHD_Target_ID: "479",
}));
await step("nil", "TicketModify", () =>
  modify({ GHD_Priority: "very urgent", GHD_Public_Diary: null }));
await step("absent", "TicketModify", () => modify({ GHD_Detailed_Solution: "repaired" }));
await step("get 3", "TicketGet", () => get(known.first));
await step("history", "OpGetTicketHist", history);
await step("attach", "AddAttachment", add);
await step("attachment ids", "GetAttachIDs", () => ids(known.first));
await step("attachments", "GetAttachments", whole);
await step("attachment", "GetOneAttachment", one);
await step("child", "OpCreateChild", child);
await step("pages", "TicketGetList", pages);
await step("unknown", "TicketGet", () => get("999999999"));
await step("none", "GetAttachIDs", () => ids(known.second));
await step("bad query", "TicketGetList", () => listed({ Qualification: "GHD_Status'=\"new\"" }, row));
password += "x";
await step("wrong password", "TicketGet", () => get(known.first));
