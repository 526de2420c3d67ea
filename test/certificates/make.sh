#!/bin/sh
# Makes the certificates of the tests anew, valid from 2020 to 2120. Needs openssl. Nothing outside the tests trusts them.
#
#   ca.pem               the authority of server.*, renewed.* and client.*
#   server.*             for localhost and 127.0.0.1
#   renewed.*            the same names, another key
#   elsewhere.*          of the same authority, for another name
#   client.*             of a client
#   stranger-ca.pem      another authority
#   stranger.*           a client certificate that it has signed
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat > "$work/ca.conf" <<CONF
[ca]
default_ca = tests
[tests]
new_certs_dir = $work
database = $work/index.txt
serial = $work/serial
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
default_startdate = 20200101000000Z
default_enddate = 21200101000000Z
[any]
commonName = supplied
CONF
: > "$work/index.txt"
echo 1000 > "$work/serial"

key() {
  openssl ecparam -name prime256v1 -genkey -noout -out "$1"
}

authority() { # file name
  key "$work/$1.key"
  openssl req -new -key "$work/$1.key" -subj "/CN=$2" -out "$work/$1.csr" \
    -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign'
  openssl ca -batch -notext -selfsign -config "$work/ca.conf" -keyfile "$work/$1.key" -in "$work/$1.csr" -out "$1.pem"
}

certificate() { # file, name, authority, further names
  key "$1.key"
  openssl req -new -key "$1.key" -subj "/CN=$2" -out "$work/$1.csr" ${4:+-addext "subjectAltName=$4"}
  openssl ca -batch -notext -config "$work/ca.conf" -cert "$3.pem" -keyfile "$work/$3.key" -in "$work/$1.csr" -out "$1.pem"
}

authority ca 'nestmq tests'
authority stranger-ca 'a stranger'
certificate server localhost ca 'DNS:localhost,IP:127.0.0.1'
certificate renewed localhost ca 'DNS:localhost,IP:127.0.0.1'
certificate elsewhere broker.elsewhere ca 'DNS:broker.elsewhere'
certificate client 'a client' ca
certificate stranger 'a stranger' stranger-ca
