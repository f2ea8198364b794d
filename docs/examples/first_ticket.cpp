// apt install g++ gsoap libgsoap-dev
// wsdl2h -o ggus.h "$PORTAL_URL/soap/GGUS?wsdl"
// soapcpp2 -j -C -x ggus.h
// g++ -o first_ticket first_ticket.cpp soapC.cpp soapGGUSSoapBindingProxy.cpp -lgsoap++
#include <cstdlib>
#include <iostream>
#include "GGUSSoapBinding.nsmap"
#include "soapGGUSSoapBindingProxy.h"

int main() {
    std::string login = getenv("PORTAL_LOGIN"), endpoint = getenv("PORTAL_URL");
    endpoint += "/soap/GGUS";
    GGUSSoapBindingProxy portal(endpoint.c_str(), SOAP_C_UTFSTRING);  // texts are UTF-8
    ns1__AuthenticationInfo credentials;
    credentials.userName = login;
    credentials.password = getenv("PORTAL_PASSWORD");
    SOAP_ENV__Header header;
    header.ns1__AuthenticationInfo_ = &credentials;

    std::string text = "No light since 09:05 UTC.\nThe provider was called.";
    std::string origin_id = "NOC-4711", origin = "NREN-X";
    ns1__InputMapping7 wanted;
    wanted.GHD_USCOREShort_USCOREDescription = "CERN-RAL-LHCOPN-001 down";
    wanted.GHD_USCOREDescription = &text;
    wanted.GHD_USCOREOrigin_USCOREID = &origin_id;
    wanted.GHD_USCOREOrigin_USCORESG = &origin;
    wanted.GHD_USCORELast_USCOREModifier = "NOC (via NREN-X)";
    wanted.GHD_USCORELast_USCORELogin = login;
    ns1__OutputMapping7 created;
    portal.soap->header = &header;  // before each call: a response without a header clears it
    if (portal.TicketCreate(&wanted, created)) {
        portal.soap_stream_fault(std::cerr);
        return 1;
    }
    ns1__GetInputMap which;
    which.GHD_USCORERequest_USCOREID = created.GHD_USCORERequest_ID;
    ns1__GetOutputMap ticket;
    portal.soap->header = &header;
    if (portal.TicketGet(&which, ticket)) {
        portal.soap_stream_fault(std::cerr);
        return 1;
    }
    std::cout << "Ticket " << created.GHD_USCORERequest_ID << " is " << ticket.GHD_USCOREStatus
              << ": " << ticket.GHD_USCOREShort_USCOREDescription << "\n";
}
