// The sequence by gSOAP: classes compiled from the WSDLs, with strict checking of every answer.
// Its habits: absent and nil are the same null pointer, which is sent as absent; mustUnderstand is
// set on the header with the credentials; a date is a time_t.
//
//   wsdl2h -o portal.h GGUS.wsdl GGUS_HISTORY.wsdl GGUS_ATTACH.wsdl
//   soapcpp2 -j -C -x -w portal.h
//   g++ client.cpp soapC.cpp soapGGUS*Proxy.cpp -lgsoap++
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <list>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "GGUSSoapBinding.nsmap"
#include "soapGGUSSoapBindingProxy.h"
#include "soapGGUS_USCOREATTACHSoapBindingProxy.h"
#include "soapGGUS_USCOREHISTORYSoapBindingProxy.h"

using std::string;

const string STACK = "gsoap", UNIT = "stack-" + STACK, SITE = "STACK-" + STACK;
const string AUTHOR = "NOC (via " + STACK + ")";
const string TITLE = "Zürich – 北京: loss & \"delay\" <2 %";
const string QUOTED = "Zürich – 北京: loss & \"\"delay\"\" <2 %";
const string TEXT = "Größe: 40 µs\n第二行\n😀 & <b>";
const soap_mode MODE = SOAP_C_UTFSTRING | SOAP_XML_STRICT;
const string login = getenv("PORTAL_LOGIN");
string password = getenv("PORTAL_PASSWORD");
std::map<string, string> known;

struct Fault : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// --- JSON, as much as it takes ---

string quoted(const string &text) {
    string out = "\"";
    for (unsigned char letter : text) {
        if (letter == '"' || letter == '\\') {
            out += '\\';
            out += letter;
        } else if (letter < 0x20) {
            char escaped[8];
            snprintf(escaped, sizeof escaped, "\\u%04x", letter);
            out += escaped;
        } else {
            out += letter;
        }
    }
    return out + "\"";
}
string quoted(const string *text) { return text ? quoted(*text) : "null"; }

using Members = std::vector<std::pair<string, string>>;
string object(const Members &members) {
    string out;
    for (const auto &[name, value] : members) out += (out.empty() ? "" : ", ") + quoted(name) + ": " + value;
    return "{" + out + "}";
}
string list(const std::vector<string> &values) {
    string out;
    for (const auto &value : values) out += (out.empty() ? "" : ", ") + value;
    return "[" + out + "]";
}
string rows(const std::vector<string> &values, Members more = {}) {
    more.insert(more.begin(), {{"shape", quoted("list")}, {"rows", list(values)}});
    return object(more);
}

string time_of(const time_t *value) {
    if (!value) return "null";
    char text[32];
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime(value));
    return quoted(text);
}
string hex(const xsd__base64Binary &data) {
    string out;
    char pair[3];
    for (int index = 0; index < data.__size; ++index) {
        snprintf(pair, sizeof pair, "%02x", data.__ptr[index]);
        out += pair;
    }
    return quoted(out);
}

void step(const string &name, const string &operation, const std::function<string()> &work) {
    string outcome = "ok", seen;
    try {
        seen = work();
    } catch (const Fault &fault) {
        outcome = "fault";
        seen = quoted(fault.what());
    } catch (const std::exception &error) {
        outcome = "error";
        seen = quoted(error.what());
    }
    puts(object({{"step", quoted(name)}, {"operation", quoted(operation)},
                 {"outcome", quoted(outcome)}, {"seen", seen}}).c_str());
    fflush(stdout);
}

// --- calls ---

GGUSSoapBindingProxy ggus(MODE);
GGUS_USCOREHISTORYSoapBindingProxy history(MODE);
GGUS_USCOREATTACHSoapBindingProxy attach(MODE);

// An optional element is a pointer; what it points to must live until the call is over.
string *text(const string &value) {
    static std::list<string> kept;
    return &kept.emplace_back(value);
}

// The one header of all services holds a pointer for each of them.
template <class Credentials, class Proxy>
void authenticate(Proxy &proxy, Credentials *SOAP_ENV__Header::*place) {
    proxy.soap_header();
    auto *header = soap_new_SOAP_ENV__Header(proxy.soap);
    auto *credentials = new Credentials;
    credentials->userName = login;
    credentials->password = password;
    header->*place = credentials;
    proxy.soap->header = header;
}

template <class Proxy>
void must(Proxy &proxy, int code) {
    if (code == SOAP_OK) return;
    const char *said = proxy.soap_fault_string();
    const string words = said ? said : "no words";
    if (code == SOAP_FAULT) throw Fault(words);
    throw std::runtime_error("gSOAP error " + std::to_string(code) + ": " + words);
}

template <class Request, class Response>
void call(int (GGUSSoapBindingProxy::*operation)(Request *, Response &), Request &request, Response &answer) {
    authenticate(ggus, &SOAP_ENV__Header::ns1__AuthenticationInfo_);
    must(ggus, (ggus.*operation)(&request, answer));
}
template <class Request, class Response>
void call(int (GGUS_USCOREHISTORYSoapBindingProxy::*operation)(Request *, Response &), Request &request, Response &answer) {
    authenticate(history, &SOAP_ENV__Header::ns2__AuthenticationInfo_);
    must(history, (history.*operation)(&request, answer));
}
template <class Request, class Response>
void call(int (GGUS_USCOREATTACHSoapBindingProxy::*operation)(Request *, Response &), Request &request, Response &answer) {
    authenticate(attach, &SOAP_ENV__Header::ns3__AuthenticationInfo_);
    must(attach, (attach.*operation)(&request, answer));
}

string remember(const string &key, const string &value) {
    known[key] = value;
    return quoted(value);
}

string create() {
    ns1__InputMapping4 ticket;
    auto priority = ns1__GHD_USCOREPriorityType__urgent;
    ticket.GHD_USCOREDate_USCORETime_USCOREOf_USCOREProblem = text("2016-09-15 10:00:00");
    ticket.GHD_USCOREDescription = text(TEXT);
    ticket.GHD_USCORELoginname = text("noc-demo");
    ticket.GHD_USCOREName = text("NOC");
    ticket.GHD_USCOREOrigin_USCOREID = text("1");
    ticket.GHD_USCOREPriority = &priority;
    ticket.GHD_USCOREResponsible_USCOREUnit = text(UNIT);
    ticket.GHD_USCOREShort_USCOREDescription = TITLE;
    ticket.GHD_USCOREStatus = text("new");
    ticket.GHD_USCOREType_USCOREOf_USCOREProblem = text("Network");
    ticket.GHD_USCORELast_USCOREModifier = AUTHOR;
    ticket.GHD_USCORELast_USCORELogin = login;
    ticket.GHD_USCOREOrigin_USCORESG = text(STACK);
    ticket.GHD_USCOREAffected_USCORESite = text(SITE);
    ticket.GHD_USCOREAffected_USCOREVO = text("lhcb");
    ns1__OutputMapping4 answer;
    call(&GGUSSoapBindingProxy::OpCreate, ticket, answer);
    return answer.GHD_USCORERequest_USCOREID;
}

string second() {
    ns1__InputMapping7 ticket;
    ticket.GHD_USCOREDescription = text("text");
    ticket.GHD_USCORESubmitter_USCOREMail = text("noc-demo@example.org");
    ticket.GHD_USCOREOrigin_USCOREID = text("");
    ticket.GHD_USCOREResponsible_USCOREUnit = text(UNIT);
    ticket.GHD_USCOREShort_USCOREDescription = "second";
    ticket.GHD_USCORELast_USCOREModifier = AUTHOR;
    ticket.GHD_USCORELast_USCORELogin = login;
    ticket.GHD_USCOREOrigin_USCORESG = text(STACK);
    ns1__OutputMapping7 answer;
    call(&GGUSSoapBindingProxy::TicketCreate, ticket, answer);
    return answer.GHD_USCORERequest_ID;
}

string get(const string &number) {
    ns1__GetInputMap wanted;
    wanted.GHD_USCORERequest_USCOREID = number;
    ns1__GetOutputMap got;
    call(&GGUSSoapBindingProxy::TicketGet, wanted, got);
    auto word = [](auto value, auto to_text) { return quoted(to_text(ggus.soap, value)); };
    return object({
        {"GHD_Short_Description", quoted(got.GHD_USCOREShort_USCOREDescription)},
        {"GHD_Description", quoted(got.GHD_USCOREDescription)},
        {"GHD_Status", quoted(got.GHD_USCOREStatus)},
        {"GHD_Priority", word(got.GHD_USCOREPriority, soap_ns1__GHD_USCOREPriorityType2s)},
        {"GHD_Responsible_Unit", quoted(got.GHD_USCOREResponsible_USCOREUnit)},
        {"GHD_Affected_Site", quoted(got.GHD_USCOREAffected_USCORESite)},
        {"GHD_Affected_VO", quoted(got.GHD_USCOREAffected_USCOREVO)},
        {"GHD_Ticket_Type", word(got.GHD_USCORETicket_USCOREType, soap_ns1__GHD_USCORETicket_USCORETypeType2s)},
        {"GHD_Origin_SG", quoted(got.GHD_USCOREOrigin_USCORESG)},
        {"GHD_E-Mail", quoted(got.GHD_USCOREE_Mail)},
        {"GHD_Public_Diary", quoted(got.GHD_USCOREPublic_USCOREDiary)},
        {"GHD_Date_Of_Creation", time_of(got.GHD_USCOREDate_USCOREOf_USCORECreation)},
        {"GHD_Date_Of_Change", time_of(got.GHD_USCOREDate_USCOREOf_USCOREChange)},
    });
}

string modify(const std::function<void(ns1__SetInputMap &)> &set) {
    ns1__SetInputMap wanted;
    wanted.GHD_USCORERequest_USCOREID = known["first"];
    wanted.GHD_USCORELast_USCOREModifier = AUTHOR;
    wanted.GHD_USCORELast_USCORELogin = login;
    set(wanted);
    ns1__SetOutputMap answer;
    call(&GGUSSoapBindingProxy::TicketModify, wanted, answer);
    return quoted(answer.GHD_USCORERequest_USCOREID);
}

string hist() {
    ns2__InputMapping3 wanted;
    wanted.GHD_USCORERequest_USCOREID = known["first"];
    wanted.startRecord = text("");
    wanted.maxLimit = text("");
    ns2__OutputMapping3 answer;
    call(&GGUS_USCOREHISTORYSoapBindingProxy::OpGetTicketHist, wanted, answer);
    std::vector<string> found, dates;
    for (auto &row : answer.getListValues) {
        found.push_back(object({
            {"GHD_Last_Modifier", quoted(row.GHD_USCORELast_USCOREModifier)},
            {"GHD_Status", quoted(row.GHD_USCOREStatus)},
            {"GHD_Priority", quoted(row.GHD_USCOREPriority)},
        }));
        dates.push_back(time_of(row.GHD_USCORECreation_USCOREDate));
    }
    return rows(found, {{"dates", list(dates)}});
}

string add() {
    unsigned char bytes[256];
    for (int value = 0; value < 256; ++value) bytes[value] = value;
    ns3__CreateInputMap file;
    file.GAT_USCOREAttachment_USCOREName = "bytes-ü.bin";
    file.GAT_USCOREAttachment_USCOREData.__ptr = bytes;
    file.GAT_USCOREAttachment_USCOREData.__size = sizeof bytes;
    file.GAT_USCOREAttachment_USCOREOrig_USCORESize = sizeof bytes;
    file.GAT_USCORERequest_USCOREID = known["first"];
    file.GAT_USCORELast_USCOREModifier = AUTHOR;
    file.GAT_USCORELast_USCORELogin = login;
    ns3__CreateOutputMap answer;
    call(&GGUS_USCOREATTACHSoapBindingProxy::AddAttachment, file, answer);
    return remember("attachment", answer.GAT_USCOREAttachment_USCOREID);
}

string ids(const string &number) {
    ns3__InputMapping2 wanted;
    wanted.GAT_USCORERequest_USCOREID = number;
    ns3__OutputMapping2 answer;
    call(&GGUS_USCOREATTACHSoapBindingProxy::GetAttachIDs, wanted, answer);
    std::vector<string> found;
    for (auto &row : answer.getListValues)
        found.push_back(object({
            {"GAT_Attachment-ID", quoted(row.GAT_USCOREAttachment_ID)},
            {"GAT_Attachment_attachmentName", quoted(row.GAT_USCOREAttachment_USCOREattachmentName)},
        }));
    return rows(found);
}

string whole() {
    ns3__GetListInputMap wanted;
    wanted.GAT_USCORERequest_USCOREID = known["first"];
    ns3__GetListOutputMap answer;
    call(&GGUS_USCOREATTACHSoapBindingProxy::GetAttachments, wanted, answer);
    std::vector<string> found, data;
    for (auto &row : answer.getListValues) {
        found.push_back(object({
            {"GAT_Attachment_ID", quoted(row.GAT_USCOREAttachment_USCOREID)},
            {"GAT_Attachment_Orig_Size", quoted(std::to_string(*row.GAT_USCOREAttachment_USCOREOrig_USCORESize))},
            {"GAT_Attachment_Name", quoted(row.GAT_USCOREAttachment_USCOREName)},
        }));
        data.push_back(hex(*row.GAT_USCOREAttachment_USCOREData));
    }
    return rows(found, {{"hex", list(data)}});
}

string one() {
    ns3__InputMapping3 wanted;
    wanted.GAT_USCOREAttachment_USCOREID = known["attachment"];
    ns3__OutputMapping3 got;
    call(&GGUS_USCOREATTACHSoapBindingProxy::GetOneAttachment, wanted, got);
    return object({
        {"GAT_Request-ID", quoted(got.GAT_USCORERequest_ID)},
        {"name", quoted(got.GAT_USCOREAttachment_USCOREattachmentName)},
        {"size", quoted(std::to_string(*got.GAT_USCOREAttachment_USCOREattachmentOrigSize))},
        {"hex", hex(*got.GAT_USCOREAttachment_USCOREattachmentData)},
    });
}

string child() {
    ns1__CreateInputMap2 ticket;
    ticket.GHD_USCOREResponsible_USCOREUnit = UNIT;
    ticket.GHD_USCOREShort_USCOREDescription = "child";
    ticket.GHD_USCORELast_USCOREModifier = AUTHOR;
    ticket.GHD_USCORELast_USCORELogin = login;
    ticket.GHD_USCOREParent_USCOREID = known["first"];
    ticket.GHD_USCOREParent_USCOREChild_USCORERelation = ns1__GHD_USCOREParent_USCOREChild_USCORERelationType__Child;
    ns1__CreateOutputMap2 answer;
    call(&GGUSSoapBindingProxy::OpCreateChild, ticket, answer);
    return remember("child", answer.GHD_USCORERequest_USCOREID);
}

std::vector<_ns1__OutputMapping6_getListValues> listed(const std::function<void(ns1__InputMapping6 &)> &set) {
    ns1__InputMapping6 wanted;
    set(wanted);
    ns1__OutputMapping6 answer;
    call(&GGUSSoapBindingProxy::TicketGetList, wanted, answer);
    return answer.getListValues;
}

string list_one() {
    std::vector<string> found;
    for (auto &row : listed([](auto &wanted) {
             wanted.Qualification = text("'GHD_Affected Site'=\"" + SITE + "\" AND 'GHD_Affected VO'=\"lhcb\"");
         }))
        found.push_back(object({
            {"GHD_Request_ID", quoted(row.GHD_USCORERequest_USCOREID)},
            {"GHD_Status", quoted(row.GHD_USCOREStatus)},
            {"GHD_Short_Description", quoted(row.GHD_USCOREShort_USCOREDescription)},
            {"GHD_Affected_Site", quoted(row.GHD_USCOREAffected_USCORESite)},
        }));
    return rows(found);
}

string numbers(const std::function<void(ns1__InputMapping6 &)> &set) {
    std::vector<string> found;
    for (auto &row : listed(set))
        found.push_back(object({{"GHD_Request_ID", quoted(row.GHD_USCORERequest_USCOREID)}}));
    return rows(found);
}

string pages() {
    std::vector<string> found;
    while (found.size() < 9) {
        try {
            std::vector<string> page;
            for (auto &row : listed([&](auto &wanted) {
                     wanted.Qualification = text("'GHD_Responsible Unit'=\"" + UNIT + "\"");
                     wanted.startRecord = text(std::to_string(2 * found.size()));
                     wanted.maxLimit = text("2");
                 }))
                page.push_back(quoted(row.GHD_USCORERequest_USCOREID));
            found.push_back(list(page));
        } catch (const Fault &fault) {
            return object({{"pages", list(found)}, {"end", quoted(fault.what())}});
        }
    }
    return object({{"pages", list(found)}, {"end", "null"}});
}

int main() {
    auto very_urgent = ns1__GHD_USCOREPriorityType__very_x0020urgent;
    step("create", "OpCreate", [] { return remember("first", create()); });
    step("repeat", "OpCreate", [] { return quoted(create()); });
    step("create 2", "TicketCreate", [] { return remember("second", second()); });
    step("get", "TicketGet", [] { return get(known["first"]); });
    step("get 2", "TicketGet", [] { return get(known["second"]); });
    step("list one", "TicketGetList", list_one);
    step("list unit", "TicketGetList", [] {
        return numbers([](auto &wanted) {
            wanted.GHD_USCOREResponsible_USCOREUnit = text(UNIT);
            wanted.GHD_USCOREMeta_USCOREStatus = text("Open");
        });
    });
    step("list title", "TicketGetList", [] {
        return numbers([](auto &wanted) {
            wanted.Qualification = text("'GHD_Affected Site'=\"" + SITE + "\" AND      'GHD_Short Description'=\"" +
                                        QUOTED + "\" AND 'GHD_Meta Status'=\"Open\"");
        });
    });
    step("list all", "TicketGetList", [] {
        return numbers([](auto &wanted) {
            wanted.Qualification = text("'GHD_Meta Status'!=\"Closed\" and ('GHD_Responsible Unit' = \"" + UNIT +
                                        "\" or 'GHD_Responsible Unit' = \"B\" )");
            wanted.maxLimit = text("-1");
        });
    });
    step("list nothing", "TicketGetList", [] {
        return numbers([](auto &wanted) {
            wanted.Qualification = text("'GHD_Affected Site'=\"" + SITE + "\" AND 'GHD_Date Of Creation'<2012-01-01");
        });
    });
    step("diary", "TicketModify", [] {
        return modify([](auto &wanted) {
            wanted.GHD_USCOREStatus = text("in progress");
            wanted.GHD_USCOREPublic_USCOREDiary = text("first\nentry: ü & <");
            wanted.GHD_USCORETarget_USCOREID = text("479");
        });
    });
    step("nil", "TicketModify", [&] {
        return modify([&](auto &wanted) { wanted.GHD_USCOREPriority = &very_urgent; });
    });
    step("absent", "TicketModify", [] {
        return modify([](auto &wanted) { wanted.GHD_USCOREDetailed_USCORESolution = text("repaired"); });
    });
    step("get 3", "TicketGet", [] { return get(known["first"]); });
    step("history", "OpGetTicketHist", hist);
    step("attach", "AddAttachment", add);
    step("attachment ids", "GetAttachIDs", [] { return ids(known["first"]); });
    step("attachments", "GetAttachments", whole);
    step("attachment", "GetOneAttachment", one);
    step("child", "OpCreateChild", child);
    step("pages", "TicketGetList", pages);
    step("unknown", "TicketGet", [] { return get("999999999"); });
    step("none", "GetAttachIDs", [] { return ids(known["second"]); });
    step("bad query", "TicketGetList", [] {
        return numbers([](auto &wanted) { wanted.Qualification = text("GHD_Status'=\"new\""); });
    });
    password += "x";
    step("wrong password", "TicketGet", [] { return get(known["first"]); });
}
