# apt install libsoap-lite-perl
use strict;
use warnings;
use SOAP::Lite;

my ($url, $login) = @ENV{qw(PORTAL_URL PORTAL_LOGIN)};
my $client = SOAP::Lite->proxy("$url/soap/GGUS")->default_ns('urn:GGUS')
    ->on_action(sub { join '/', @_ })
    ->on_fault(sub { die ref $_[1] ? $_[1]->faultstring : $_[0]->transport->status, "\n" });
my $header = SOAP::Header->name(AuthenticationInfo => \SOAP::Data->value(
    text(userName => $login),
    text(password => $ENV{PORTAL_PASSWORD}),
))->attr({ xmlns => 'urn:GGUS' });

# Every value is a string. SOAP::Lite does not read the WSDL: send elements in its order.
sub text { return SOAP::Data->name($_[0])->type(string => $_[1]) }

my $number = $client->call('TicketCreate',
    text('GHD_Description' => "No light since 09:05 UTC.\nThe provider was called."),
    text('GHD_Origin_ID' => 'NOC-4711'),
    text('GHD_Short_Description' => 'CERN-RAL-LHCOPN-001 down'),
    text('GHD_Last_Modifier' => 'NOC (via NREN-X)'),
    text('GHD_Last_Login' => $login),
    text('GHD_Origin_SG' => 'NREN-X'),
    $header,
)->valueof('//GHD_Request-ID');
my $ticket = $client->call('TicketGet', text(GHD_Request_ID => $number), $header)
    ->valueof('//TicketGetResponse');
print "Ticket $number is $ticket->{GHD_Status}: $ticket->{GHD_Short_Description}\n";
