<?php
// The native service by PHP's SoapClient: create, update, a stale update, clear, attach, follow.
$url = getenv('PORTAL_URL');
$client = new SoapClient("$url/soap/LHCOPN?wsdl", [
    'cache_wsdl' => WSDL_CACHE_NONE,
    'features' => SOAP_SINGLE_ELEMENT_ARRAYS,
]);
$account = ['userName' => getenv('PORTAL_LOGIN'), 'password' => getenv('PORTAL_PASSWORD')];
$client->__setSoapHeaders([new SoapHeader('urn:LHCOPN:exchange:1', 'AuthenticationInfo', $account)]);

$sent = [
    'requestKey' => 'php',
    'ticket' => [
        'title' => 'Zürich – 北京 <2 %',
        'links' => ['CERN-GRIDKA-LHCOPN-001'],
        'eventStart' => '2026-03-01T07:41:00',
        'eventEnd' => '2026-03-01T08:41:00Z',
    ],
];
$made = $client->CreateTicket($sent);
$again = $client->CreateTicket($sent);
$number = $made->number;
$change = ['impact' => 'outage', 'eventEnd' => null];
$client->UpdateTicket(['number' => $number, 'version' => 1, 'change' => $change]);
$stale = null;
try {
    $client->UpdateTicket(['number' => $number, 'version' => 1, 'change' => ['title' => 'x']]);
} catch (SoapFault $fault) {
    $stale = (int) $fault->detail->StaleTicket->currentVersion;
}
$bytes = implode('', array_map('chr', range(0, 255)));
$file = $client->AddAttachment(['number' => $number, 'name' => 'a.bin', 'content' => $bytes]);
$ticket = $client->GetTicket(['number' => $number])->ticket;
$changes = $client->ListChanges(['cursor' => 0])->changes;
echo json_encode([
    'same' => $again->number === $number,
    'stale' => $stale,
    'title' => $ticket->title,
    'impact' => $ticket->impact,
    'links' => array_map(fn ($link) => $link->name, $ticket->links),
    'start' => $ticket->eventStart,
    'end' => $ticket->eventEnd ?? null,
    'bytes' => $client->GetAttachment(['id' => $file->id])->content === $bytes,
    'versions' => array_map(
        fn ($row) => (int) $row->version,
        array_values(array_filter($changes, fn ($row) => $row->number == $number)),
    ),
]), "\n";
