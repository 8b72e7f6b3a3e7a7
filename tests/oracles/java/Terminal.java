// JMRTD as an inspection terminal: PACE, the whole identity application, Chip Authentication, the application again
// under the new keys, passive authentication by the JDK's certification-path validator. The card is at the other end of
// standard output and standard input: "apdu HEX" out, the response in HEX back. What was found goes out as
// "found NAME VALUE"; the first thing that fails as "refused STEP WHY", which ends the run.

import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.Security;
import java.security.Signature;
import java.security.cert.CertPathValidator;
import java.security.cert.CertStore;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.security.interfaces.ECPublicKey;
import java.util.Arrays;
import java.util.Collection;
import java.util.Date;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import net.sf.scuba.smartcards.CardService;
import net.sf.scuba.smartcards.CardServiceException;
import net.sf.scuba.smartcards.CommandAPDU;
import net.sf.scuba.smartcards.ResponseAPDU;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.jmrtd.BACKey;
import org.jmrtd.PACEKeySpec;
import org.jmrtd.PassportService;
import org.jmrtd.lds.CardAccessFile;
import org.jmrtd.lds.ChipAuthenticationInfo;
import org.jmrtd.lds.ChipAuthenticationPublicKeyInfo;
import org.jmrtd.lds.PACEInfo;
import org.jmrtd.lds.SODFile;
import org.jmrtd.lds.SecurityInfo;
import org.jmrtd.lds.icao.COMFile;
import org.jmrtd.lds.icao.DG11File;
import org.jmrtd.lds.icao.DG12File;
import org.jmrtd.lds.icao.DG14File;
import org.jmrtd.lds.icao.DG1File;
import org.jmrtd.lds.icao.DG2File;
import org.jmrtd.lds.icao.MRZInfo;
import org.jmrtd.lds.iso19794.FaceImageInfo;
import org.jmrtd.lds.iso19794.FaceInfo;

public final class Terminal {
    private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    private static final BufferedReader IN =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
    private static final HexFormat HEX = HexFormat.of();

    private static final Map<String, Short> FILES = new TreeMap<>(Map.of(
            "EF.COM", PassportService.EF_COM,
            "EF.SOD", PassportService.EF_SOD,
            "DG1", PassportService.EF_DG1,
            "DG2", PassportService.EF_DG2,
            "DG11", PassportService.EF_DG11,
            "DG12", PassportService.EF_DG12,
            "DG14", PassportService.EF_DG14));

    private static String step = "start";

    /** Arguments: short|extended; CAN DIGITS or MRZ NUMBER,BIRTH,EXPIRY; directory with csca.der and csca.crl; time. */
    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        boolean extended = arguments[0].equals("extended");
        int most = extended ? PassportService.EXTENDED_MAX_TRANCEIVE_LENGTH : PassportService.NORMAL_MAX_TRANCEIVE_LENGTH;
        int block = extended ? 16_000 : PassportService.DEFAULT_MAX_BLOCKSIZE;
        try {
            // By SFI where responses are long, by SELECT with file identifiers where they are short: each once.
            PassportService card = new PassportService(new Relay(), most, block, extended, true);
            inspect(card, password(arguments[1], arguments[2]), Path.of(arguments[3]), Long.parseLong(arguments[4]));
        } catch (Exception error) {
            OUT.println("refused\t" + step + "\t" + String.valueOf(error).replaceAll("\\s+", " "));
        }
    }

    private static PACEKeySpec password(String kind, String value) throws Exception {
        if (kind.equals("CAN")) {
            return PACEKeySpec.createCANKey(value);
        }
        String[] part = value.split(",");
        return PACEKeySpec.createMRZKey(new BACKey(part[0], part[1], part[2]));
    }

    private static void inspect(PassportService card, PACEKeySpec password, Path trust, long at) throws Exception {
        card.open();
        step = "EF.CardAccess";
        Collection<SecurityInfo> offers =
                new CardAccessFile(new ByteArrayInputStream(read(card, PassportService.EF_CARD_ACCESS)))
                        .getSecurityInfos();
        step = "PACE";
        PACEInfo pace = only(offers, PACEInfo.class);
        card.doPACE(
                password,
                pace.getObjectIdentifier(),
                PACEInfo.toParameterSpec(pace.getParameterId()),
                pace.getParameterId());
        found("pace", pace.getProtocolOIDString() + " " + PACEInfo.toStandardizedParamIdString(pace.getParameterId()));
        step = "SELECT";
        card.sendSelectApplet(true);
        Map<String, byte[]> files = readAll(card);
        for (Map.Entry<String, byte[]> file : files.entrySet()) {
            found(file.getKey(), HEX.formatHex(file.getValue()));
        }
        tell(files);
        authenticateChip(card, files);
        step = "SELECT under the new keys";
        card.sendSelectApplet(true); // JMRTD keeps what it read of an application until it is selected again
        Map<String, byte[]> again = readAll(card);
        step = "the same under the new keys";
        for (String name : FILES.keySet()) {
            if (!Arrays.equals(files.get(name), again.get(name))) {
                throw new IllegalStateException(name);
            }
        }
        found("read twice", String.join(" ", again.keySet()));
        authenticatePassively(files, trust, at);
    }

    private static byte[] read(PassportService card, short file) throws Exception {
        try (InputStream content = card.getInputStream(file, card.getMaxReadBinaryLength())) {
            return content.readAllBytes();
        }
    }

    private static Map<String, byte[]> readAll(PassportService card) throws Exception {
        Map<String, byte[]> files = new TreeMap<>();
        for (Map.Entry<String, Short> file : FILES.entrySet()) {
            step = "read " + file.getKey();
            files.put(file.getKey(), read(card, file.getValue()));
        }
        return files;
    }

    private static void tell(Map<String, byte[]> files) throws Exception {
        step = "decode EF.COM";
        COMFile com = new COMFile(stream(files, "EF.COM"));
        found("versions", com.getLDSVersion() + " " + com.getUnicodeVersion());
        found("tags", Arrays.stream(com.getTagList()).mapToObj(Integer::toHexString).collect(Collectors.joining(" ")));
        step = "decode DG1";
        MRZInfo zone = new DG1File(stream(files, "DG1")).getMRZInfo();
        found("mrz", zone.toString().strip());
        found("document number", zone.getDocumentNumber());
        found("primary", zone.getPrimaryIdentifier());
        found("secondary", String.join(" ", zone.getSecondaryIdentifierComponents()).strip());
        found("dates", zone.getDateOfBirth() + " " + zone.getDateOfExpiry());
        found("states", zone.getIssuingState() + " " + zone.getNationality());
        found("sex", String.valueOf(zone.getGenderCode()));
        step = "decode DG2";
        FaceInfo record = (FaceInfo) new DG2File(stream(files, "DG2")).getSubRecords().get(0);
        List<FaceImageInfo> faces = record.getFaceImageInfos();
        FaceImageInfo face = faces.get(0);
        found("faces", String.valueOf(faces.size()));
        found("image", HEX.formatHex(face.getImageInputStream().readAllBytes()));
        found("image size", face.getMimeType() + " " + face.getWidth() + " " + face.getHeight());
        step = "decode DG11";
        DG11File details = new DG11File(stream(files, "DG11"));
        found("name", details.getNameOfHolder());
        found("personal number", String.valueOf(details.getPersonalNumber()));
        found("birth date", details.getFullDateOfBirth());
        found("permanent address", String.valueOf(details.getPermanentAddress()));
        found("personal summary", String.valueOf(details.getPersonalSummary()));
        step = "decode DG12";
        DG12File issuing = new DG12File(stream(files, "DG12"));
        found("authority", issuing.getIssuingAuthority());
        found("issued", issuing.getDateOfIssue());
    }

    private static void authenticateChip(PassportService card, Map<String, byte[]> files) throws Exception {
        step = "decode DG14";
        DG14File chip = new DG14File(stream(files, "DG14"));
        ChipAuthenticationInfo info = only(chip.getSecurityInfos(), ChipAuthenticationInfo.class);
        ChipAuthenticationPublicKeyInfo key =
                only(chip.getSecurityInfos(), ChipAuthenticationPublicKeyInfo.class);
        found("chip key", point((ECPublicKey) key.getSubjectPublicKey()));
        step = "Chip Authentication";
        card.doEACCA(key.getKeyId(), info.getObjectIdentifier(), key.getObjectIdentifier(), key.getSubjectPublicKey());
        found("chip authentication", info.getProtocolOIDString());
    }

    private static void authenticatePassively(Map<String, byte[]> files, Path trust, long at) throws Exception {
        step = "decode EF.SOD";
        SODFile sod = new SODFile(stream(files, "EF.SOD"));
        X509Certificate signer = sod.getDocSigningCertificate();
        step = "digests";
        Map<Integer, byte[]> listed = sod.getDataGroupHashes();
        MessageDigest digest = MessageDigest.getInstance(sod.getDigestAlgorithm());
        for (Map.Entry<Integer, byte[]> one : listed.entrySet()) {
            byte[] file = files.get("DG" + one.getKey());
            if (file == null || !Arrays.equals(digest.digest(file), one.getValue())) {
                throw new IllegalStateException("DG" + one.getKey());
            }
        }
        step = "signature";
        Signature signature = Signature.getInstance(sod.getDigestEncryptionAlgorithm());
        signature.initVerify(signer.getPublicKey());
        signature.update(sod.getEContent()); // the signed attributes, once their digest of the content was compared
        if (!signature.verify(sod.getEncryptedDigest())) {
            throw new IllegalStateException("EF.SOD");
        }
        step = "chain";
        CertificateFactory x509 = CertificateFactory.getInstance("X.509");
        X509Certificate root = (X509Certificate)
                x509.generateCertificate(new ByteArrayInputStream(Files.readAllBytes(trust.resolve("csca.der"))));
        PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(root, null)));
        parameters.setDate(new Date(at * 1000));
        parameters.addCertStore(CertStore.getInstance(
                "Collection",
                new CollectionCertStoreParameters(Set.of(x509.generateCRL(
                        new ByteArrayInputStream(Files.readAllBytes(trust.resolve("csca.crl"))))))));
        CertPathValidator.getInstance("PKIX").validate(x509.generateCertPath(List.of(signer)), parameters);
        found("passive authentication", listed.keySet().toString());
    }

    private static String point(ECPublicKey key) {
        return HEX.formatHex(fixed(key.getW().getAffineX().toByteArray()))
                + HEX.formatHex(fixed(key.getW().getAffineY().toByteArray()));
    }

    /** 32 bytes, without the sign and with leading zeros. */
    private static byte[] fixed(byte[] number) {
        byte[] out = new byte[32];
        int count = Math.min(number.length, out.length);
        System.arraycopy(number, number.length - count, out, out.length - count, count);
        return out;
    }

    private static ByteArrayInputStream stream(Map<String, byte[]> files, String name) {
        return new ByteArrayInputStream(files.get(name));
    }

    private static <T> T only(Collection<SecurityInfo> infos, Class<T> kind) {
        List<T> found = infos.stream().filter(kind::isInstance).map(kind::cast).collect(Collectors.toList());
        if (found.size() != 1) {
            throw new IllegalStateException(found.size() + " of " + kind.getSimpleName());
        }
        return found.get(0);
    }

    private static void found(String name, String value) {
        OUT.println("found\t" + name + "\t" + value.replace("\n", "\\n"));
    }

    /** The card at the other end of our standard streams. */
    private static final class Relay extends CardService {
        private static final long serialVersionUID = 1L;
        private boolean open;

        @Override
        public void open() {
            open = true;
        }

        @Override
        public boolean isOpen() {
            return open;
        }

        @Override
        public ResponseAPDU transmit(CommandAPDU command) throws CardServiceException {
            OUT.println("apdu\t" + HEX.formatHex(command.getBytes()));
            try {
                return new ResponseAPDU(HEX.parseHex(IN.readLine()));
            } catch (Exception error) {
                throw new CardServiceException("no answer", error);
            }
        }

        @Override
        public byte[] getATR() {
            return new byte[0];
        }

        @Override
        public boolean isExtendedAPDULengthSupported() {
            return true;
        }

        @Override
        public void close() {
            open = false;
        }

        @Override
        public boolean isConnectionLost(Exception error) {
            return false;
        }
    }
}
