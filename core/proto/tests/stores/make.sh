#!/bin/sh
# Makes the stores in this folder anew.
set -e
cd "$(dirname "$0")"
rm -f ./*.p12 ./*.jks ./*.jceks ./*.pem
key="-storepass pinfold -keypass pinfold -keyalg EC -groupname secp256r1 -validity 36500"
keytool -genkeypair -alias ca -keystore ca.p12 $key -dname "CN=Test Authority" -ext bc:c
keytool -exportcert -rfc -alias ca -keystore ca.p12 -storepass pinfold >ca.pem
for name in server client; do
    keytool -genkeypair -alias $name -keystore $name.p12 $key \
        -dname "CN=$name, OU=Tests, O=\"Pinfold, Limited\", C=XX"
    keytool -certreq -alias $name -keystore $name.p12 -storepass pinfold |
        keytool -gencert -rfc -alias ca -keystore ca.p12 -storepass pinfold -validity 36500 \
            -ext san=dns:localhost,ip:127.0.0.1 >$name.crt
    keytool -importcert -noprompt -alias ca -file ca.pem -keystore $name.p12 -storepass pinfold
    keytool -importcert -noprompt -alias $name -file $name.crt -keystore $name.p12 -storepass pinfold
    keytool -delete -alias ca -keystore $name.p12 -storepass pinfold
    keytool -importkeystore -srckeystore $name.p12 -srcstorepass pinfold -noprompt \
        -destkeystore $name.jks -deststoretype JKS -deststorepass pinfold
    openssl pkcs12 -in $name.p12 -passin pass:pinfold -nodes -nocerts 2>/dev/null |
        openssl pkcs8 -topk8 -v2 aes-256-cbc -passout pass:pinfold >$name.key
    cat $name.key $name.crt ca.pem >$name.pem
done
# As openssl writes them, today and twenty years ago.
openssl pkcs12 -export -in client.pem -passin pass:pinfold -out openssl.p12 -passout pass:pinfold
openssl pkcs12 -export -legacy -in client.pem -passin pass:pinfold -out legacy.p12 \
    -passout pass:pinfold
rm ./*.crt ./*.key ca.p12
keytool -importcert -noprompt -alias ca -file ca.pem -keystore trust.p12 -storepass pinfold
keytool -importcert -noprompt -alias ca -file ca.pem -keystore trust.jks -storetype JKS \
    -storepass pinfold
keytool -importcert -noprompt -alias ca -file ca.pem -keystore trust.jceks -storetype JCEKS \
    -storepass pinfold
# A certificate of the first version of X.509, which has no extensions, and who signed it.
curve="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
openssl req -x509 $curve -keyout ca.key -out version1-authority.pem -days 36500 -subj "/CN=Old CA"
openssl req $curve -keyout leaf.key -out leaf.csr -subj "/O=Pinfold/CN=old"
openssl x509 -req -in leaf.csr -CA version1-authority.pem -CAkey ca.key -days 36500 \
    -set_serial 2 -out leaf.crt
cat leaf.key leaf.crt >version1.pem
rm ca.key leaf.key leaf.csr leaf.crt
