#!/usr/bin/env bash
# Prepares OpenSearch for its first start, in its own image and with its own tools: an authority of its own, the node's
# certificate, and the users `admin` and `sightline`. What is there already stays as it is; to begin anew, remove the
# volumes `opensearch-security` and `certificates`.
#
# In:  OPENSEARCH_ADMIN_PASSWORD, OPENSEARCH_SIGHTLINE_PASSWORD
# Out: $SECURITY (for OpenSearch alone)  node.p12, trust.p12, internal_users.yml, roles.yml, roles_mapping.yml
#      $PUBLISHED (for everybody)        ca.pem
set -euo pipefail
umask 077

HOME_OF_OPENSEARCH=${OPENSEARCH_HOME:-/usr/share/opensearch}
SECURITY=${SECURITY:-$HOME_OF_OPENSEARCH/config/opensearch-security}
PUBLISHED=${PUBLISHED:-/certificates}
HOST=${OPENSEARCH_HOST:-opensearch}
OWNER=${OPENSEARCH_UID:-1000}:${OPENSEARCH_GID:-1000}  # whom the image runs as
KEYTOOL=${JAVA_HOME:-$HOME_OF_OPENSEARCH/jdk}/bin/keytool
# The stores' own password adds nothing to the rights on their files; this is the one that the plugin expects by default.
STORE=(-storetype PKCS12 -storepass changeit)
YEARS_10=3650

if [ -f "$SECURITY/.prepared" ]; then
    echo "prepared already"
    exit 0
fi
: "${OPENSEARCH_ADMIN_PASSWORD:?is not set: see .env.example}" "${OPENSEARCH_SIGHTLINE_PASSWORD:?is not set: see .env.example}"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

authority() {
    "$KEYTOOL" -genkeypair -alias ca -dname "CN=Sightline OpenSearch CA" -keyalg EC -groupname secp256r1 \
        -validity $YEARS_10 -ext bc:critical=ca:true,pathlen:0 -ext ku:critical=keyCertSign,cRLSign \
        -keystore "$work/ca.p12" "${STORE[@]}"
    "$KEYTOOL" -exportcert -rfc -alias ca -keystore "$work/ca.p12" "${STORE[@]}" -file "$work/ca.pem"
    "$KEYTOOL" -importcert -noprompt -alias ca -file "$work/ca.pem" -keystore "$work/trust.p12" "${STORE[@]}"
}

# A name without commas: the settings that name it are lists.
node() {
    "$KEYTOOL" -genkeypair -alias node -dname "CN=$HOST" -keyalg EC -groupname secp256r1 -validity $YEARS_10 \
        -keystore "$work/node.p12" "${STORE[@]}"
    "$KEYTOOL" -certreq -alias node -keystore "$work/node.p12" "${STORE[@]}" -file "$work/node.csr"
    "$KEYTOOL" -gencert -rfc -alias ca -keystore "$work/ca.p12" "${STORE[@]}" -infile "$work/node.csr" \
        -validity $YEARS_10 -ext "san=dns:$HOST,dns:localhost,ip:127.0.0.1" -ext eku=serverAuth,clientAuth \
        -ext ku:critical=digitalSignature -outfile "$work/node.pem"
    cat "$work/node.pem" "$work/ca.pem" >"$work/chain.pem"
    "$KEYTOOL" -importcert -noprompt -alias ca -file "$work/ca.pem" -keystore "$work/node.p12" "${STORE[@]}"
    "$KEYTOOL" -importcert -noprompt -alias node -file "$work/chain.pem" -keystore "$work/node.p12" "${STORE[@]}"
    "$KEYTOOL" -delete -alias ca -keystore "$work/node.p12" "${STORE[@]}"
}

hash_of() {  # the name of the variable that holds the password; a notice comes before the hash
    bash "$HOME_OF_OPENSEARCH/plugins/opensearch-security/tools/hash.sh" -env "$1" | tail -n 1
}

# In place of the demonstration's users, whose passwords everybody knows.
users() {
    cat >"$work/internal_users.yml" <<END
_meta: { type: internalusers, config_version: 2 }
admin:
  hash: "$(hash_of OPENSEARCH_ADMIN_PASSWORD)"
  reserved: true
  backend_roles: [admin]
sightline:
  hash: "$(hash_of OPENSEARCH_SIGHTLINE_PASSWORD)"
  reserved: true
END
    cat "$SECURITY/roles.yml" - >"$work/roles.yml" <<END

sightline:
  reserved: true
  cluster_permissions: [cluster_monitor, cluster_composite_ops]
  index_permissions:
    - index_patterns: ["sightline-*"]
      allowed_actions: [indices_all]
END
    cat "$SECURITY/roles_mapping.yml" - >"$work/roles_mapping.yml" <<END

sightline:
  reserved: true
  users: [sightline]
END
}

authority
node
users
cp "$work"/{node.p12,trust.p12,internal_users.yml,roles.yml,roles_mapping.yml} "$SECURITY/"
cp "$work/ca.pem" "$PUBLISHED/ca.pem"
touch "$SECURITY/.prepared"
chown -R "$OWNER" "$SECURITY"
chmod 755 "$PUBLISHED"
chmod 644 "$PUBLISHED/ca.pem"
echo "prepared: certificates for $HOST, users admin and sightline"
