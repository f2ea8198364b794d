// The native service by node's soap: create, update, a stale update, clear, attach, follow.
import soap from "soap";

const { PORTAL_URL, PORTAL_LOGIN, PORTAL_PASSWORD } = process.env;
const client = await soap.createClientAsync(`${PORTAL_URL}/soap/LHCOPN?wsdl`);
client.addSoapHeader(
  { "tns:AuthenticationInfo": { "tns:userName": PORTAL_LOGIN, "tns:password": PORTAL_PASSWORD } },
  "", "tns", "urn:LHCOPN:exchange:1",
);
const call = async (operation, values) => (await client[`${operation}Async`](values))[0] ?? {};

const sent = {
  requestKey: "node",
  ticket: {
    title: "Zürich – 北京 <2 %",
    links: ["CERN-GRIDKA-LHCOPN-001"],
    eventStart: "2026-03-01T07:41:00",
    eventEnd: "2026-03-01T08:41:00Z",
  },
};
const { number } = await call("CreateTicket", sent);
const again = await call("CreateTicket", sent);
await call("UpdateTicket", { number, version: 1, change: { impact: "outage", eventEnd: "" } });
let stale = null;
try {
  await call("UpdateTicket", { number, version: 1, change: { title: "x" } });
} catch (error) {
  stale = error.root.Envelope.Body.Fault.detail.StaleTicket.currentVersion;
}
const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
const file = await call("AddAttachment", { number, name: "a.bin", content: bytes.toString("base64") });
const { ticket } = await call("GetTicket", { number });
const { changes } = await call("ListChanges", { cursor: 0 });
const { content } = await call("GetAttachment", { id: file.id });
console.log(JSON.stringify({
  same: again.number === number,
  stale: Number(stale),
  title: ticket.title,
  impact: ticket.impact,
  links: ticket.links.map((link) => link.name),
  start: ticket.eventStart.toISOString(),
  end: ticket.eventEnd ?? null,
  bytes: Buffer.from(content, "base64").equals(bytes),
  versions: changes.filter((row) => row.number === number).map((row) => row.version),
}));
