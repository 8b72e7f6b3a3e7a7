// @owf/mdoc: IssuerSigned as assembled from the files that a counter read.
import { CoseKey, Holder, IssuerSigned } from "@owf/mdoc";
import { X509Certificate } from "node:crypto";
import { bytes, certificateKey, input, judge, nameField, sha256, verifiesES256, verifyChain } from "./support.mjs";

const unused = () => {
  throw new Error("not used when verifying IssuerSigned");
};

const context = {
  crypto: {
    random: unused,
    calculateEphemeralMacKey: unused,
    digest: ({ digestAlgorithm, bytes: data }) => (digestAlgorithm === "SHA-256" ? sha256(data) : unused()),
  },
  cose: {
    sign1: { sign: unused, verify: ({ key, sign1 }) => verifiesES256(key.jwk, sign1.toBeSigned, sign1.signature) },
    mac0: { sign: unused, verify: unused },
  },
  x509: {
    getIssuerNameField: ({ certificate, field }) => nameField(new X509Certificate(certificate).issuer, field),
    getPublicKey: ({ certificate }) => CoseKey.fromJwk(certificateKey(certificate)),
    verifyCertificateChain: ({ trustedCertificates, x5chain }) => verifyChain(x5chain, trustedCertificates),
    getCertificateData: ({ certificate }) => {
      const read = new X509Certificate(certificate);
      return {
        issuerName: read.issuer,
        subjectName: read.subject,
        serialNumber: read.serialNumber,
        thumbprint: read.fingerprint256,
        notBefore: new Date(read.validFrom),
        notAfter: new Date(read.validTo),
        pem: read.toString(),
      };
    },
  },
};

await judge(input.cases, async (one) => {
  const issuerSigned = IssuerSigned.decode(bytes(one.issuer_signed));
  await Holder.verifyIssuerSigned({ issuerSigned, trustedCertificates: [bytes(one.root)] }, context);
  const items = [...issuerSigned.issuerNamespaces.issuerNamespaces.values()].flat();
  return {
    docType: issuerSigned.issuerAuth.mobileSecurityObject.docType,
    elements: items.map((item) => item.elementIdentifier),
  };
});
