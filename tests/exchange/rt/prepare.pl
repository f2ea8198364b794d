# What the tests need in a fresh database of RT: two queues, one of them with the field for our
# reference, two people, and a token of each, told as JSON on the last line.
use strict;
use warnings;
use lib '/usr/share/request-tracker5/lib';
use JSON;
use RT;

RT::LoadConfig();
RT::Init();

sub made {
    my ($what, $ok, $message) = @_;
    die "$what: $message\n" unless $ok;
}

my @queues;
for my $name ('Network', 'Bare') {
    my $queue = RT::Queue->new(RT->SystemUser);
    made($name, $queue->Create(Name => $name));
    push @queues, $queue;
}
my $field = RT::CustomField->new(RT->SystemUser);
made('field', $field->Create(
    Name => 'LHCOPN', Type => 'Freeform', MaxValues => 1, LookupType => 'RT::Queue-RT::Ticket',
));
made('field', $field->AddToObject($queues[0]));

my @rights = qw(
    SeeQueue ShowTicket ShowTicketComments CreateTicket ReplyToTicket CommentOnTicket ModifyTicket
    SeeCustomField ModifyCustomField
);
my %tokens;
for my $name ('lhcopn', 'beth') {
    my $user = RT::User->new(RT->SystemUser);
    made($name, $user->Create(Name => $name, Privileged => 1));
    # far from the server's zone: no time that is sent may mean another one
    made($name, $user->SetTimezone('Asia/Tokyo')) if $name eq 'lhcopn';
    for my $queue (@queues) {
        made($_, $user->PrincipalObj->GrantRight(Right => $_, Object => $queue)) for @rights;
    }
    made('right', $user->PrincipalObj->GrantRight(
        Right => 'ManageAuthTokens', Object => $RT::System,
    ));
    my $token = RT::AuthToken->new(RT::CurrentUser->new($user));
    my ($ok, $message, $text) = $token->Create(Owner => $user->Id, Description => 'tests');
    made('token', $ok, $message);
    $tokens{$name} = $text;
}
print encode_json(\%tokens), "\n";
