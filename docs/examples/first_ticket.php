<?php // apt install php-cli php-soap
[$url, $login] = [getenv('PORTAL_URL'), getenv('PORTAL_LOGIN')];
$client = new SoapClient("$url/soap/GGUS?wsdl");
$client->__setSoapHeaders(new SoapHeader('urn:GGUS', 'AuthenticationInfo', [
    'userName' => $login,
    'password' => getenv('PORTAL_PASSWORD'),
]));

$number = $client->TicketCreate([
    'GHD_Short_Description' => 'CERN-RAL-LHCOPN-001 down',
    'GHD_Description' => "No light since 09:05 UTC.\nThe provider was called.",
    'GHD_Origin_ID' => 'NOC-4711',
    'GHD_Origin_SG' => 'NREN-X',
    'GHD_Last_Modifier' => 'NOC (via NREN-X)',
    'GHD_Last_Login' => $login,
])->{'GHD_Request-ID'};
$ticket = $client->TicketGet(['GHD_Request_ID' => $number]);
echo "Ticket $number is $ticket->GHD_Status: $ticket->GHD_Short_Description\n";
