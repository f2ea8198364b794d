# pip install zeep
import os

import zeep

url, login = os.environ["PORTAL_URL"], os.environ["PORTAL_LOGIN"]
header = {"AuthenticationInfo": {"userName": login, "password": os.environ["PORTAL_PASSWORD"]}}
client = zeep.Client(f"{url}/soap/GGUS?wsdl")

number = client.service.TicketCreate(
    GHD_Short_Description="CERN-RAL-LHCOPN-001 down",
    GHD_Description="No light since 09:05 UTC.\nThe provider was called.",
    GHD_Origin_ID="NOC-4711",
    GHD_Origin_SG="NREN-X",
    GHD_Last_Modifier="NOC (via NREN-X)",
    GHD_Last_Login=login,
    _soapheaders=header,
)
ticket = client.service.TicketGet(GHD_Request_ID=number, _soapheaders=header)
print(f"Ticket {number} is {ticket.GHD_Status}: {ticket.GHD_Short_Description}")
