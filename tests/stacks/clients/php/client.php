<?php
// The sequence by PHP's SoapClient. Its habit: a single row is an object, several are an array.
declare(strict_types=1);
error_reporting(E_ALL);
set_error_handler(function (int $level, string $text): bool {
    throw new ErrorException($text, 0, $level);
});

const STACK = 'php';
const UNIT = 'stack-' . STACK;
const SITE = 'STACK-' . STACK;
const AUTHOR = 'NOC (via ' . STACK . ')';
const TITLE = 'Zürich – 北京: loss & "delay" <2 %';
const QUOTED = 'Zürich – 北京: loss & ""delay"" <2 %';
const TEXT = "Größe: 40 µs\n第二行\n😀 & <b>";
$url = getenv('PORTAL_URL');
$login = getenv('PORTAL_LOGIN');
$password = getenv('PORTAL_PASSWORD');
$bytes = implode('', array_map('chr', range(0, 255)));
$known = [];

function connected(string $service, string $password): SoapClient
{
    global $url, $login;
    static $clients = [];
    if (!isset($clients[$service . $password])) {
        $client = new SoapClient("$url/arsys/WSDL/public/ggus/$service", ['cache_wsdl' => WSDL_CACHE_NONE]);
        $client->__setSoapHeaders(new SoapHeader(
            "urn:$service",
            'AuthenticationInfo',
            ['userName' => $login, 'password' => $password],
        ));
        $clients[$service . $password] = $client;
    }
    return $clients[$service . $password];
}

function call(string $service, string $operation, array $values): object
{
    global $password;
    return connected($service, $password)->__soapCall($operation, [$values]);
}

function step(string $name, string $operation, callable $work): void
{
    try {
        $line = ['outcome' => 'ok', 'seen' => $work()];
    } catch (SoapFault $fault) {
        $line = ['outcome' => 'fault', 'seen' => $fault->getMessage()];
    } catch (Throwable $error) {
        $line = ['outcome' => 'error', 'seen' => $error->getMessage()];
    }
    echo json_encode(['step' => $name, 'operation' => $operation] + $line), "\n";
}

function remember(string $key, string $value): string
{
    global $known;
    return $known[$key] = $value;
}

function time_of(string $text): string
{
    return (new DateTimeImmutable($text))->setTimezone(new DateTimeZone('UTC'))->format('Y-m-d\TH:i:s\Z');
}

function all_rows(object $answer): array
{
    return is_array($answer->getListValues) ? $answer->getListValues : [$answer->getListValues];
}

function rows_of(object $answer, string ...$names): array
{
    $rows = [];
    foreach (all_rows($answer) as $row) {
        $seen = [];
        foreach ($names as $name) {
            $seen[$name] = isset($row->$name) ? (string) $row->$name : null;
        }
        $rows[] = $seen;
    }
    return ['shape' => is_array($answer->getListValues) ? 'list' : 'object', 'rows' => $rows];
}

function create(): string
{
    global $login;
    return call('GGUS', 'OpCreate', [
        'GHD_Date_Time_Of_Problem' => '2016-09-15 10:00:00',
        'GHD_Description' => TEXT,
        'GHD_E-Mail' => null,
        'GHD_Loginname' => 'noc-demo',
        'GHD_Name' => 'NOC',
        'GHD_Origin_ID' => '1',
        'GHD_Priority' => 'urgent',
        'GHD_Responsible_Unit' => UNIT,
        'GHD_Short_Description' => TITLE,
        'GHD_Status' => 'new',
        'GHD_Type_Of_Problem' => 'Network',
        'GHD_Last_Modifier' => AUTHOR,
        'GHD_Last_Login' => $login,
        'GHD_Origin_SG' => STACK,
        'GHD_Affected_Site' => SITE,
        'GHD_Affected_VO' => 'lhcb',
    ])->GHD_Request_ID;
}

function second(): string
{
    global $login;
    return call('GGUS', 'TicketCreate', [
        'GHD_Submitter_Mail' => 'noc-demo@example.org',
        'GHD_Description' => 'text',
        'GHD_Responsible_Unit' => UNIT,
        'GHD_Short_Description' => 'second',
        'GHD_Last_Modifier' => AUTHOR,
        'GHD_Last_Login' => $login,
        'GHD_Origin_ID' => '',
        'GHD_Origin_SG' => STACK,
    ])->{'GHD_Request-ID'};
}

function get(string $number): array
{
    $got = call('GGUS', 'TicketGet', ['GHD_Request_ID' => $number]);
    $seen = [];
    foreach ([
        'GHD_Short_Description', 'GHD_Description', 'GHD_Status', 'GHD_Priority',
        'GHD_Responsible_Unit', 'GHD_Affected_Site', 'GHD_Affected_VO', 'GHD_Ticket_Type',
        'GHD_Origin_SG', 'GHD_E-Mail', 'GHD_Public_Diary',
    ] as $name) {
        $seen[$name] = $got->$name ?? null;
    }
    return $seen + [
        'GHD_Date_Of_Creation' => time_of($got->GHD_Date_Of_Creation),
        'GHD_Date_Of_Change' => time_of($got->GHD_Date_Of_Change),
    ];
}

function modify(array $values): string
{
    global $known, $login;
    return call('GGUS', 'TicketModify', [
        'GHD_Request_ID' => $known['first'],
        'GHD_Last_Modifier' => AUTHOR,
        'GHD_Last_Login' => $login,
    ] + $values)->GHD_Request_ID;
}

function history(): array
{
    global $known;
    $answer = call('GGUS_HISTORY', 'OpGetTicketHist', [
        'GHD_Request_ID' => $known['first'],
        'startRecord' => '',
        'maxLimit' => '',
    ]);
    $dates = array_map(fn (object $row): string => time_of($row->GHD_Creation_Date), all_rows($answer));
    return rows_of($answer, 'GHD_Last_Modifier', 'GHD_Status', 'GHD_Priority') + ['dates' => $dates];
}

function add(): string
{
    global $bytes, $known, $login;
    return remember('attachment', call('GGUS_ATTACH', 'AddAttachment', [
        'GAT_Attachment_Name' => 'bytes-ü.bin',
        'GAT_Attachment_Data' => $bytes,
        'GAT_Attachment_Orig_Size' => strlen($bytes),
        'GAT_Request_ID' => $known['first'],
        'GAT_Last_Modifier' => AUTHOR,
        'GAT_Last_Login' => $login,
    ])->GAT_Attachment_ID);
}

function ids(string $number): array
{
    $answer = call('GGUS_ATTACH', 'GetAttachIDs', ['GAT_Request_ID' => $number]);
    return rows_of($answer, 'GAT_Attachment-ID', 'GAT_Attachment_attachmentName');
}

function whole(): array
{
    global $known;
    $answer = call('GGUS_ATTACH', 'GetAttachments', ['GAT_Request_ID' => $known['first']]);
    $data = array_map(fn (object $row): string => bin2hex($row->GAT_Attachment_Data), all_rows($answer));
    return rows_of($answer, 'GAT_Attachment_ID', 'GAT_Attachment_Orig_Size', 'GAT_Attachment_Name')
        + ['hex' => $data];
}

function one(): array
{
    global $known;
    $got = call('GGUS_ATTACH', 'GetOneAttachment', ['GAT_Attachment_ID' => $known['attachment']]);
    return [
        'GAT_Request-ID' => $got->{'GAT_Request-ID'},
        'name' => $got->GAT_Attachment_attachmentName,
        'size' => (string) $got->GAT_Attachment_attachmentOrigSize,
        'hex' => bin2hex($got->GAT_Attachment_attachmentData),
    ];
}

function child(): string
{
    global $known, $login;
    return remember('child', call('GGUS', 'OpCreateChild', [
        'GHD_Responsible_Unit' => UNIT,
        'GHD_Short_Description' => 'child',
        'GHD_Last_Modifier' => AUTHOR,
        'GHD_Last_Login' => $login,
        'GHD_Parent_ID' => $known['first'],
        'GHD_Parent_Child_Relation' => 'Child',
    ])->GHD_Request_ID);
}

function pages(): array
{
    $found = [];
    while (count($found) < 9) {
        try {
            $answer = call('GGUS', 'TicketGetList', [
                'Qualification' => '\'GHD_Responsible Unit\'="' . UNIT . '"',
                'startRecord' => (string) (2 * count($found)),
                'maxLimit' => '2',
            ]);
        } catch (SoapFault $fault) {
            return ['pages' => $found, 'end' => $fault->getMessage()];
        }
        $found[] = array_map(fn (object $row): string => $row->GHD_Request_ID, all_rows($answer));
    }
    return ['pages' => $found, 'end' => null];
}

function listed(array $values, string ...$names): array
{
    return rows_of(call('GGUS', 'TicketGetList', $values), ...$names);
}

$oneSite = '\'GHD_Affected Site\'="' . SITE . '" AND \'GHD_Affected VO\'="lhcb"';
$byTitle = '\'GHD_Affected Site\'="' . SITE . '" AND      \'GHD_Short Description\'="' . QUOTED
    . '" AND \'GHD_Meta Status\'="Open"';
$ofUnits = '\'GHD_Meta Status\'!="Closed" and (\'GHD_Responsible Unit\' = "' . UNIT
    . '" or \'GHD_Responsible Unit\' = "B" )';
$past = "$oneSite AND 'GHD_Date Of Creation'<2012-01-01";
$row = ['GHD_Request_ID', 'GHD_Status', 'GHD_Short_Description', 'GHD_Affected_Site'];
$openOfUnit = ['GHD_Responsible_Unit' => UNIT, 'GHD_Meta_Status' => 'Open'];
$diary = ['GHD_Status' => 'in progress', 'GHD_Public_Diary' => "first\nentry: ü & <", 'GHD_Target_ID' => '479'];
step('create', 'OpCreate', fn () => remember('first', create()));
step('repeat', 'OpCreate', fn () => create());
step('create 2', 'TicketCreate', fn () => remember('second', second()));
step('get', 'TicketGet', fn () => get($known['first']));
step('get 2', 'TicketGet', fn () => get($known['second']));
step('list one', 'TicketGetList', fn () => listed(['Qualification' => $oneSite], ...$row));
step('list unit', 'TicketGetList', fn () => listed($openOfUnit, 'GHD_Request_ID'));
step('list title', 'TicketGetList', fn () => listed(['Qualification' => $byTitle], $row[0]));
step('list all', 'TicketGetList', fn () => listed(['Qualification' => $ofUnits, 'maxLimit' => '-1'], $row[0]));
step('list nothing', 'TicketGetList', fn () => listed(['Qualification' => $past]));
step('diary', 'TicketModify', fn () => modify($diary));
step('nil', 'TicketModify', fn () => modify(['GHD_Priority' => 'very urgent', 'GHD_Public_Diary' => null]));
step('absent', 'TicketModify', fn () => modify(['GHD_Detailed_Solution' => 'repaired']));
step('get 3', 'TicketGet', fn () => get($known['first']));
step('history', 'OpGetTicketHist', fn () => history());
step('attach', 'AddAttachment', fn () => add());
step('attachment ids', 'GetAttachIDs', fn () => ids($known['first']));
step('attachments', 'GetAttachments', fn () => whole());
step('attachment', 'GetOneAttachment', fn () => one());
step('child', 'OpCreateChild', fn () => child());
step('pages', 'TicketGetList', fn () => pages());
step('unknown', 'TicketGet', fn () => get('999999999'));
step('none', 'GetAttachIDs', fn () => ids($known['second']));
step('bad query', 'TicketGetList', fn () => listed(['Qualification' => 'GHD_Status\'="new"']));
$password .= 'x';
step('wrong password', 'TicketGet', fn () => get($known['first']));
