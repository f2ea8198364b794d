#!/usr/bin/perl
# The native service by Perl's SOAP::Lite, without the WSDL: create, update, a stale update, clear,
# attach, follow. What holds fields of its own is a reference to SOAP::Data.
use strict;
use warnings;
use utf8;
use JSON::PP;
use MIME::Base64 qw(encode_base64 decode_base64);
use SOAP::Lite;

my ($url, $login, $password) = @ENV{qw(PORTAL_URL PORTAL_LOGIN PORTAL_PASSWORD)};
my $NAMESPACE = 'urn:LHCOPN:exchange:1';

# Fields in their order: name, value; a value is a text, undef (nil), or a list of fields.
sub fields {
    my @found;
    while (my ($name, $value) = splice @_, 0, 2) {
        my $field = SOAP::Data->name($name);
        push @found, ref $value ? $field->value(\SOAP::Data->value(fields(@$value)))
            : defined $value ? $field->type(string => $value) : $field->value(undef);
    }
    return @found;
}

sub call {
    my ($operation, @values) = @_;
    my $credentials = SOAP::Data->value(fields(userName => $login, password => $password));
    my $header = SOAP::Header->name(AuthenticationInfo => \$credentials)->attr({ xmlns => $NAMESPACE });
    return SOAP::Lite->proxy("$url/soap/LHCOPN")
        ->default_ns($NAMESPACE)
        ->on_action(sub { qq("$NAMESPACE/$operation") })
        ->on_fault(sub { die { answer => $_[1] } })
        ->call($operation => fields(@values), $header);
}

my @sent = (
    requestKey => 'perl',
    ticket => [
        title => 'Zürich – 北京 <2 %',
        links => 'CERN-GRIDKA-LHCOPN-001',
        eventStart => '2026-03-01T07:41:00',
        eventEnd => '2026-03-01T08:41:00Z',
    ],
);
my $number = call(CreateTicket => @sent)->valueof('//CreateTicketResponse/number');
my $again = call(CreateTicket => @sent)->valueof('//CreateTicketResponse/number');
call(UpdateTicket => number => $number, version => 1, change => [impact => 'outage', eventEnd => undef]);
eval { call(UpdateTicket => number => $number, version => 1, change => [title => 'x']) };
my $stale = $@->{answer}->valueof('//StaleTicket/currentVersion');
my $bytes = join '', map { chr } 0 .. 255;
my $file = call(AddAttachment => number => $number, name => 'a.bin', content => encode_base64($bytes))
    ->valueof('//id');
my $ticket = call(GetTicket => number => $number);
my @changes = call(ListChanges => cursor => 0)->valueof('//changes');
my $content = call(GetAttachment => id => $file)->valueof('//content');
print JSON::PP->new->canonical->utf8->encode({
    same => $number == $again ? JSON::PP::true : JSON::PP::false,
    stale => $stale + 0,
    title => $ticket->valueof('//ticket/title'),
    impact => $ticket->valueof('//ticket/impact'),
    links => [map { $_->{name} } $ticket->valueof('//ticket/links')],
    start => $ticket->valueof('//ticket/eventStart'),
    end => scalar $ticket->valueof('//ticket/eventEnd'),
    bytes => decode_base64($content) eq $bytes ? JSON::PP::true : JSON::PP::false,
    versions => [map { $_->{version} + 0 } grep { $_->{number} == $number } @changes],
}), "\n";
