#!/usr/bin/perl
# The sequence by Perl's SOAP::Lite, without the WSDL: address, namespace and names by hand.
# Its habit: everything is text, and an answer's rows are asked for by path.
use strict;
use warnings;
use utf8;
use JSON::PP;
use MIME::Base64 qw(encode_base64 decode_base64);
use SOAP::Lite;

my $STACK = 'perl';
my ($UNIT, $SITE, $AUTHOR) = ("stack-$STACK", "STACK-$STACK", "NOC (via $STACK)");
my $TITLE = 'Zürich – 北京: loss & "delay" <2 %';
(my $QUOTED = $TITLE) =~ s/"/""/g;
my $TEXT = "Größe: 40 µs\n第二行\n😀 & <b>";
my $BYTES = join '', map { chr } 0 .. 255;
my ($url, $login, $password) = @ENV{qw(PORTAL_URL PORTAL_LOGIN PORTAL_PASSWORD)};
my %known;
$| = 1;

sub call {
    my ($service, $operation, @values) = @_;
    my @children;
    while (my ($name, $value) = splice @values, 0, 2) {
        my $child = SOAP::Data->name($name);
        push @children, defined $value ? $child->type(string => $value) : $child->value(undef);
    }
    my $credentials = SOAP::Data->value(
        SOAP::Data->name('userName')->type(string => $login),
        SOAP::Data->name('password')->type(string => $password),
    );
    push @children, SOAP::Header->name(AuthenticationInfo => \$credentials)->attr({ xmlns => "urn:$service" });
    my $answer = SOAP::Lite->proxy("$url/arsys/services/ARService?server=ggus&webService=$service")
        ->default_ns("urn:$service")
        ->on_action(sub { qq("urn:$service/$operation") })
        ->on_fault(sub {
            my ($soap, $found) = @_;
            die ref $found ? { fault => $found->faultstring } : $soap->transport->status . "\n";
        })
        ->call($operation => @children);
    return $answer;
}

sub step {
    my ($name, $operation, $work) = @_;
    my $seen = eval { $work->() };
    my $line = { step => $name, operation => $operation, outcome => 'ok', seen => $seen };
    if (my $error = $@) {
        my $is_fault = ref $error eq 'HASH';
        $line->{outcome} = $is_fault ? 'fault' : 'error';
        $line->{seen} = $is_fault ? $error->{fault} : "$error";
    }
    print JSON::PP->new->ascii->canonical->encode($line), "\n";
}

sub remember { my ($key, $value) = @_; return $known{$key} = $value }

# 2016-09-15T10:00:00.123Z to whole seconds; the portal answers in UTC
sub time_of { my ($text) = @_; $text =~ s/(\.\d+)?(Z|\+00:00)$/Z/; return $text }

sub rows_of {
    my ($answer, @names) = @_;
    my @rows = $answer->valueof('//getListValues');
    return {
        shape => 'list',
        rows => [map { my $row = $_; +{ map { $_ => $row->{$_} } @names } } @rows],
    };
}

sub create {
    return call('GGUS', 'OpCreate',
        'GHD_Date_Time_Of_Problem' => '2016-09-15 10:00:00',
        'GHD_Description' => $TEXT,
        'GHD_E-Mail' => undef,
        'GHD_Loginname' => 'noc-demo',
        'GHD_Name' => 'NOC',
        'GHD_Origin_ID' => '1',
        'GHD_Priority' => 'urgent',
        'GHD_Responsible_Unit' => $UNIT,
        'GHD_Short_Description' => $TITLE,
        'GHD_Status' => 'new',
        'GHD_Type_Of_Problem' => 'Network',
        'GHD_Last_Modifier' => $AUTHOR,
        'GHD_Last_Login' => $login,
        'GHD_Origin_SG' => $STACK,
        'GHD_Affected_Site' => $SITE,
        'GHD_Affected_VO' => 'lhcb',
    )->valueof('//GHD_Request_ID');
}

sub second {
    return call('GGUS', 'TicketCreate',
        'GHD_Description' => 'text',
        'GHD_Submitter_Mail' => 'noc-demo@example.org',
        'GHD_Origin_ID' => '',
        'GHD_Responsible_Unit' => $UNIT,
        'GHD_Short_Description' => 'second',
        'GHD_Last_Modifier' => $AUTHOR,
        'GHD_Last_Login' => $login,
        'GHD_Origin_SG' => $STACK,
    )->valueof('//GHD_Request-ID');
}

sub get {
    my ($number) = @_;
    my $got = call('GGUS', 'TicketGet', GHD_Request_ID => $number)->valueof('//TicketGetResponse');
    my %seen = map { $_ => $got->{$_} } qw(
        GHD_Short_Description GHD_Description GHD_Status GHD_Priority GHD_Responsible_Unit
        GHD_Affected_Site GHD_Affected_VO GHD_Ticket_Type GHD_Origin_SG GHD_E-Mail
        GHD_Public_Diary
    );
    $seen{$_} = time_of($got->{$_}) for qw(GHD_Date_Of_Creation GHD_Date_Of_Change);
    return \%seen;
}

# in the order of the WSDL, which SOAP::Lite does not know
sub modify {
    my (%values) = @_;
    my %all = (
        GHD_Request_ID => $known{first},
        GHD_Last_Modifier => $AUTHOR,
        GHD_Last_Login => $login,
        %values,
    );
    my @order = grep { exists $all{$_} } qw(
        GHD_Priority GHD_Detailed_Solution GHD_Status GHD_Request_ID GHD_Last_Modifier
        GHD_Last_Login GHD_Public_Diary GHD_Target_ID
    );
    return call('GGUS', 'TicketModify', map { $_ => $all{$_} } @order)->valueof('//GHD_Request_ID');
}

sub history {
    my $answer = call('GGUS_HISTORY', 'OpGetTicketHist',
        GHD_Request_ID => $known{first},
        startRecord => '',
        maxLimit => '',
    );
    my $found = rows_of($answer, qw(GHD_Last_Modifier GHD_Status GHD_Priority));
    $found->{dates} = [map { time_of($_) } $answer->valueof('//GHD_Creation_Date')];
    return $found;
}

sub add {
    return remember('attachment', call('GGUS_ATTACH', 'AddAttachment',
        GAT_Attachment_Name => 'bytes-ü.bin',
        GAT_Attachment_Data => encode_base64($BYTES),
        GAT_Attachment_Orig_Size => length $BYTES,
        GAT_Request_ID => $known{first},
        GAT_Last_Modifier => $AUTHOR,
        GAT_Last_Login => $login,
    )->valueof('//GAT_Attachment_ID'));
}

sub ids {
    my ($number) = @_;
    my $answer = call('GGUS_ATTACH', 'GetAttachIDs', GAT_Request_ID => $number);
    return rows_of($answer, qw(GAT_Attachment-ID GAT_Attachment_attachmentName));
}

sub whole {
    my $answer = call('GGUS_ATTACH', 'GetAttachments', GAT_Request_ID => $known{first});
    my $found = rows_of($answer, qw(GAT_Attachment_ID GAT_Attachment_Orig_Size GAT_Attachment_Name));
    $found->{hex} = [map { unpack 'H*', decode_base64($_) } $answer->valueof('//GAT_Attachment_Data')];
    return $found;
}

sub one {
    my $got = call('GGUS_ATTACH', 'GetOneAttachment', GAT_Attachment_ID => $known{attachment})
        ->valueof('//GetOneAttachmentResponse');
    return {
        'GAT_Request-ID' => $got->{'GAT_Request-ID'},
        name => $got->{GAT_Attachment_attachmentName},
        size => $got->{GAT_Attachment_attachmentOrigSize},
        hex => unpack('H*', decode_base64($got->{GAT_Attachment_attachmentData})),
    };
}

sub child {
    return remember('child', call('GGUS', 'OpCreateChild',
        GHD_Responsible_Unit => $UNIT,
        GHD_Short_Description => 'child',
        GHD_Last_Modifier => $AUTHOR,
        GHD_Last_Login => $login,
        GHD_Parent_ID => $known{first},
        GHD_Parent_Child_Relation => 'Child',
    )->valueof('//GHD_Request_ID'));
}

sub listed {
    my ($values, @names) = @_;
    return rows_of(call('GGUS', 'TicketGetList', @$values), @names);
}

sub pages {
    my @found;
    while (@found < 9) {
        my $answer = eval {
            call('GGUS', 'TicketGetList',
                Qualification => qq('GHD_Responsible Unit'="$UNIT"),
                startRecord => 2 * @found,
                maxLimit => 2,
            );
        };
        if (my $error = $@) {
            die $error if ref $error ne 'HASH';
            return { pages => \@found, end => $error->{fault} };
        }
        push @found, [$answer->valueof('//GHD_Request_ID')];
    }
    return { pages => \@found, end => undef };
}

my $one_site = qq('GHD_Affected Site'="$SITE" AND 'GHD_Affected VO'="lhcb");
my $by_title = qq('GHD_Affected Site'="$SITE" AND      'GHD_Short Description'="$QUOTED" AND 'GHD_Meta Status'="Open");
my $of_units = qq('GHD_Meta Status'!="Closed" and ('GHD_Responsible Unit' = "$UNIT" or 'GHD_Responsible Unit' = "B" ));
my $past = "$one_site AND 'GHD_Date Of Creation'<2012-01-01";
my @row = qw(GHD_Request_ID GHD_Status GHD_Short_Description GHD_Affected_Site);
my @open_of_unit = (GHD_Responsible_Unit => $UNIT, GHD_Meta_Status => 'Open');
step('create', 'OpCreate', sub { remember('first', create()) });
step('repeat', 'OpCreate', sub { create() });
step('create 2', 'TicketCreate', sub { remember('second', second()) });
step('get', 'TicketGet', sub { get($known{first}) });
step('get 2', 'TicketGet', sub { get($known{second}) });
step('list one', 'TicketGetList', sub { listed([Qualification => $one_site], @row) });
step('list unit', 'TicketGetList', sub { listed(\@open_of_unit, 'GHD_Request_ID') });
step('list title', 'TicketGetList', sub { listed([Qualification => $by_title], $row[0]) });
step('list all', 'TicketGetList', sub { listed([Qualification => $of_units, maxLimit => -1], $row[0]) });
step('list nothing', 'TicketGetList', sub { listed([Qualification => $past], $row[0]) });
step('diary', 'TicketModify', sub {
    modify(GHD_Status => 'in progress', GHD_Public_Diary => "first\nentry: ü & <", GHD_Target_ID => '479');
});
step('nil', 'TicketModify', sub { modify(GHD_Priority => 'very urgent', GHD_Public_Diary => undef) });
step('absent', 'TicketModify', sub { modify(GHD_Detailed_Solution => 'repaired') });
step('get 3', 'TicketGet', sub { get($known{first}) });
step('history', 'OpGetTicketHist', sub { history() });
step('attach', 'AddAttachment', sub { add() });
step('attachment ids', 'GetAttachIDs', sub { ids($known{first}) });
step('attachments', 'GetAttachments', sub { whole() });
step('attachment', 'GetOneAttachment', sub { one() });
step('child', 'OpCreateChild', sub { child() });
step('pages', 'TicketGetList', sub { pages() });
step('unknown', 'TicketGet', sub { get('999999999') });
step('none', 'GetAttachIDs', sub { ids($known{second}) });
step('bad query', 'TicketGetList', sub { listed([Qualification => q(GHD_Status'="new")], @row) });
$password .= 'x';
step('wrong password', 'TicketGet', sub { get($known{first}) });
