// npm install soap
import soap from "soap";

const { PORTAL_URL: url, PORTAL_LOGIN: login, PORTAL_PASSWORD: password } = process.env;
const client = await soap.createClientAsync(`${url}/soap/GGUS?wsdl`);
client.addSoapHeader({ AuthenticationInfo: { userName: login, password } }, "", "s0", "urn:GGUS");

const [created] = await client.TicketCreateAsync({
  GHD_Short_Description: "CERN-RAL-LHCOPN-001 down",
  GHD_Description: "No light since 09:05 UTC.\nThe provider was called.",
  GHD_Origin_ID: "NOC-4711",
  GHD_Origin_SG: "NREN-X",
  GHD_Last_Modifier: "NOC (via NREN-X)",
  GHD_Last_Login: login,
});
const number = created["GHD_Request-ID"];
const [ticket] = await client.TicketGetAsync({ GHD_Request_ID: number });
console.log(`Ticket ${number} is ${ticket.GHD_Status}: ${ticket.GHD_Short_Description}`);
