# Net::SMPP as an application: binds, sends one message, asks whether the link is alive, takes one message and unbinds.
# perl net_smpp.pl PORT SYSTEM_ID PASSWORD
use strict;
use warnings;
use Net::SMPP;

my ($port, $system_id, $password) = @ARGV;
$| = 1;
my ($smpp, $bound) = Net::SMPP->new_transceiver('127.0.0.1', port => $port, system_id => $system_id, password => $password)
    or die "no connection: $!";
printf "{\"event\":\"bound\",\"status\":%d}\n", $bound->{status};
my $answer = $smpp->submit_sm(
    source_addr => '15550100', destination_addr => '15550101', short_message => 'from Perl', registered_delivery => 1);
printf "{\"event\":\"answered\",\"status\":%d,\"id\":\"%s\"}\n", $answer->{status}, $answer->{message_id};
my $alive = $smpp->enquire_link();
printf "{\"event\":\"alive\",\"status\":%d}\n", $alive->{status};
my $delivered = $smpp->read_pdu();
printf "{\"event\":\"deliver_sm\",\"text\":\"%s\",\"esm_class\":%d}\n", $delivered->{short_message}, $delivered->{esm_class};
$smpp->deliver_sm_resp(message_id => '', seq => $delivered->{seq});
$answer = $smpp->unbind();
printf "{\"event\":\"unbound\",\"status\":%d}\n", $answer->{status};
