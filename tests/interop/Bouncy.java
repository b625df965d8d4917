import java.io.FileReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.Security;
import java.security.cert.X509Certificate;
import java.security.interfaces.ECPublicKey;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.MGF1ParameterSpec;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.crypto.spec.OAEPParameterSpec;
import javax.crypto.spec.PSource;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.ASN1EncodableVector;
import org.bouncycastle.asn1.ASN1Encoding;
import org.bouncycastle.asn1.ASN1OctetString;
import org.bouncycastle.asn1.DEROctetString;
import org.bouncycastle.asn1.DERSequence;
import org.bouncycastle.asn1.DERSet;
import org.bouncycastle.asn1.DERTaggedObject;
import org.bouncycastle.asn1.cms.AuthEnvelopedData;
import org.bouncycastle.asn1.cms.CMSObjectIdentifiers;
import org.bouncycastle.asn1.cms.ContentInfo;
import org.bouncycastle.asn1.cms.EncryptedContentInfo;
import org.bouncycastle.asn1.cms.GCMParameters;
import org.bouncycastle.asn1.cms.IssuerAndSerialNumber;
import org.bouncycastle.asn1.cms.KeyAgreeRecipientIdentifier;
import org.bouncycastle.asn1.cms.KeyAgreeRecipientInfo;
import org.bouncycastle.asn1.cms.OriginatorIdentifierOrKey;
import org.bouncycastle.asn1.cms.OriginatorPublicKey;
import org.bouncycastle.asn1.cms.RecipientEncryptedKey;
import org.bouncycastle.asn1.cms.RecipientInfo;
import org.bouncycastle.asn1.edec.EdECObjectIdentifiers;
import org.bouncycastle.asn1.nist.NISTObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaCertStore;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509CertificateHolder;
import org.bouncycastle.cms.CMSAlgorithm;
import org.bouncycastle.cms.CMSAuthEnvelopedData;
import org.bouncycastle.cms.CMSAuthEnvelopedDataGenerator;
import org.bouncycastle.cms.CMSEnvelopedDataGenerator;
import org.bouncycastle.cms.CMSEnvelopedGenerator;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.CMSSignedDataGenerator;
import org.bouncycastle.cms.RecipientId;
import org.bouncycastle.cms.RecipientInformation;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.jcajce.JcaSignerInfoGeneratorBuilder;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.cms.jcajce.JceCMSContentEncryptorBuilder;
import org.bouncycastle.cms.jcajce.JceKeyAgreeEnvelopedRecipient;
import org.bouncycastle.cms.jcajce.JceKeyAgreeRecipientId;
import org.bouncycastle.cms.jcajce.JceKeyAgreeRecipientInfoGenerator;
import org.bouncycastle.cms.jcajce.JceKeyTransEnvelopedRecipient;
import org.bouncycastle.cms.jcajce.JceKeyTransRecipientId;
import org.bouncycastle.cms.jcajce.JceKeyTransRecipientInfoGenerator;
import org.bouncycastle.crypto.Digest;
import org.bouncycastle.crypto.agreement.X25519Agreement;
import org.bouncycastle.crypto.digests.SHA256Digest;
import org.bouncycastle.crypto.digests.SHA384Digest;
import org.bouncycastle.crypto.digests.SHA512Digest;
import org.bouncycastle.crypto.engines.AESEngine;
import org.bouncycastle.crypto.engines.RFC3394WrapEngine;
import org.bouncycastle.crypto.generators.HKDFBytesGenerator;
import org.bouncycastle.crypto.modes.GCMBlockCipher;
import org.bouncycastle.crypto.params.AEADParameters;
import org.bouncycastle.crypto.params.HKDFParameters;
import org.bouncycastle.crypto.params.KeyParameter;
import org.bouncycastle.crypto.params.X25519PrivateKeyParameters;
import org.bouncycastle.crypto.params.X25519PublicKeyParameters;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.openssl.PEMKeyPair;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;
import org.bouncycastle.operator.OutputAEADEncryptor;
import org.bouncycastle.operator.jcajce.JcaAlgorithmParametersConverter;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;
import org.bouncycastle.util.Arrays;
import org.bouncycastle.util.Pack;

/**
 * BouncyCastle as another implementation of CMS: standard input to standard output.
 *
 *     open CERTIFICATE KEY             AuthEnvelopedData to its content, as that reader
 *     verify ANCHOR                    SignedData to its content; signer and chain are checked
 *     verify ANCHOR CONTENT            SignedData without content, and the file with what it is over; the same
 *     seal CIPHER DIGEST READER...     content to AuthEnvelopedData, by CIPHER (AES128, AES256): one
 *                                      KeyAgreeRecipientInfo for the readers on each curve, RSAES-OAEP with DIGEST
 *                                      (SHA-256) for each with RSA
 *     seal-x25519 CIPHER DIGEST READER...
 *                                      the same for readers with X25519; DIGEST is for HKDF
 *     envelop READER...                content to EnvelopedData, AES-128-CBC: the same for curves, PKCS#1 v1.5 for RSA
 *     sign CERTIFICATE KEY ALGORITHM   content to SignedData with the content in it; Java's name of the algorithm
 *
 * Its CMS does not know X25519 with HKDF (RFC 8418): there, "open" and "seal-x25519" compute agreement, HKDF, key wrap
 * and cipher from BouncyCastle's own parts.
 *
 * Exit status 1 when it cannot, with the reason on standard error.
 */
public final class Bouncy {
    private static final String BC = "BC";

    public static void main(String[] words) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        byte[] input = System.in.readAllBytes();
        List<String> files = List.of(words).subList(1, words.length);
        byte[] output;
        switch (words[0]) {
            case "open": output = open(input, certificate(files.get(0)), key(files.get(1))); break;
            case "verify":
                output = verify(files.size() == 1 ? new CMSSignedData(input) : new CMSSignedData(
                    new CMSProcessableByteArray(Files.readAllBytes(Path.of(files.get(1)))), input),
                    certificate(files.get(0)));
                break;
            case "seal": output = seal(input, files); break;
            case "envelop": output = envelop(input, files); break;
            case "seal-x25519": output = sealByParts(input, files); break;
            case "sign":
                output = sign(input, certificate(files.get(0)), key(files.get(1)), files.get(2));
                break;
            default: throw new IllegalArgumentException(words[0]);
        }
        System.out.write(output);
        System.out.flush();
    }

    private static X509Certificate certificate(String file) throws Exception {
        try (PEMParser parser = new PEMParser(new FileReader(file))) {
            X509CertificateHolder holder = (X509CertificateHolder) parser.readObject();
            return new JcaX509CertificateConverter().setProvider(BC).getCertificate(holder);
        }
    }

    private static PrivateKey key(String file) throws Exception {
        try (PEMParser parser = new PEMParser(new FileReader(file))) {
            for (Object object = parser.readObject(); object != null; object = parser.readObject()) {
                PrivateKeyInfo info = null;
                if (object instanceof PrivateKeyInfo) {
                    info = (PrivateKeyInfo) object;
                } else if (object instanceof PEMKeyPair) {
                    info = ((PEMKeyPair) object).getPrivateKeyInfo();
                }
                if (info != null) {
                    return new JcaPEMKeyConverter().setProvider(BC).getPrivateKey(info);
                }
            }
        }
        throw new IllegalArgumentException("no private key in " + file);
    }

    private static byte[] open(byte[] der, X509Certificate certificate, PrivateKey key) throws Exception {
        String kind = certificate.getPublicKey().getAlgorithm();
        if (kind.equals("X25519") || kind.equals("XDH")) {
            return openByParts(der, certificate, key);
        }
        boolean rsa = kind.equals("RSA");
        RecipientId name = rsa ? new JceKeyTransRecipientId(certificate) : new JceKeyAgreeRecipientId(certificate);
        RecipientInformation mine = new CMSAuthEnvelopedData(der).getRecipientInfos().get(name);
        if (mine == null) {
            throw new IllegalArgumentException("not a reader");
        }
        return mine.getContent(rsa ? new JceKeyTransEnvelopedRecipient(key).setProvider(BC)
                                   : new JceKeyAgreeEnvelopedRecipient(key).setProvider(BC));
    }

    /** The entry of a KeyAgreeRecipientInfo that names the certificate, and the RecipientInfo that it stands in. */
    private static Object[] find(AuthEnvelopedData sealed, X509Certificate certificate) throws Exception {
        for (ASN1Encodable one : sealed.getRecipientInfos()) {
            if (!(RecipientInfo.getInstance(one).getInfo() instanceof KeyAgreeRecipientInfo)) {
                continue;
            }
            KeyAgreeRecipientInfo info = (KeyAgreeRecipientInfo) RecipientInfo.getInstance(one).getInfo();
            for (ASN1Encodable entry : info.getRecipientEncryptedKeys()) {
                RecipientEncryptedKey key = RecipientEncryptedKey.getInstance(entry);
                IssuerAndSerialNumber name = key.getIdentifier().getIssuerAndSerialNumber();
                if (name != null && name.getSerialNumber().getValue().equals(certificate.getSerialNumber())
                    && name.getName().equals(new JcaX509CertificateHolder(certificate).getIssuer())) {
                    return new Object[] {info, key};
                }
            }
        }
        throw new IllegalArgumentException("not a reader");
    }

    /** RFC 8418 2.2: agreement, and HKDF over ECC-CMS-SharedInfo, to the key that wraps the content's. */
    private static byte[] wrappingKey(X25519PrivateKeyParameters own, byte[] point, AlgorithmIdentifier wrap,
                                      byte[] ukm, Digest digest) {
        int bytes = wrap.getAlgorithm().equals(NISTObjectIdentifiers.id_aes256_wrap) ? 32 : 16;
        X25519Agreement agreement = new X25519Agreement();
        byte[] secret = new byte[agreement.getAgreementSize()];
        agreement.init(own);
        agreement.calculateAgreement(new X25519PublicKeyParameters(point), secret, 0);
        ASN1EncodableVector shared = new ASN1EncodableVector();
        shared.add(wrap);
        if (ukm != null) {
            shared.add(new DERTaggedObject(true, 0, new DEROctetString(ukm)));
        }
        shared.add(new DERTaggedObject(true, 2, new DEROctetString(Pack.intToBigEndian(bytes * 8))));
        HKDFBytesGenerator kdf = new HKDFBytesGenerator(digest);
        try {
            kdf.init(new HKDFParameters(secret, ukm, new DERSequence(shared).getEncoded(ASN1Encoding.DER)));
        } catch (java.io.IOException impossible) {
            throw new IllegalStateException(impossible);
        }
        byte[] kek = new byte[bytes];
        kdf.generateBytes(kek, 0, bytes);
        return kek;
    }

    private static byte[] contentKey(KeyAgreeRecipientInfo info, byte[] encryptedKey, PrivateKey key)
        throws Exception {
        AlgorithmIdentifier wrap = AlgorithmIdentifier.getInstance(info.getKeyEncryptionAlgorithm().getParameters());
        if (!info.getKeyEncryptionAlgorithm().getAlgorithm().equals(PKCSObjectIdentifiers.id_alg.branch("19"))) {
            throw new IllegalArgumentException("not dhSinglePass-stdDH-hkdf-sha256-scheme");
        }
        byte[] ukm = info.getUserKeyingMaterial() == null ? null : info.getUserKeyingMaterial().getOctets();
        byte[] point = info.getOriginator().getOriginatorKey().getPublicKey().getBytes();
        byte[] own = ASN1OctetString.getInstance(
            PrivateKeyInfo.getInstance(key.getEncoded()).parsePrivateKey()).getOctets();
        RFC3394WrapEngine unwrap = new RFC3394WrapEngine(new AESEngine());
        unwrap.init(false, new KeyParameter(wrappingKey(new X25519PrivateKeyParameters(own), point, wrap, ukm,
                                                        new SHA256Digest())));
        return unwrap.unwrap(encryptedKey, 0, encryptedKey.length);
    }

    /** One KeyAgreeRecipientInfo with one ephemeral key for every reader; user keying material with SHA-512 alone. */
    private static byte[] sealByParts(byte[] content, List<String> words) throws Exception {
        boolean larger = words.get(0).equals("AES256");
        Map<String, Digest> digests = Map.of("SHA-256", new SHA256Digest(), "SHA-384", new SHA384Digest(), "SHA-512",
                                             new SHA512Digest());
        Map<String, String> schemes = Map.of("SHA-256", "19", "SHA-384", "20", "SHA-512", "21");
        SecureRandom random = new SecureRandom();
        byte[] contentKey = new byte[larger ? 32 : 16], nonce = new byte[12], ukm = null;
        random.nextBytes(contentKey);
        random.nextBytes(nonce);
        if (words.get(1).equals("SHA-512")) {
            ukm = new byte[24];
            random.nextBytes(ukm);
        }
        X25519PrivateKeyParameters ephemeral = new X25519PrivateKeyParameters(random);
        AlgorithmIdentifier wrap = new AlgorithmIdentifier(
            larger ? NISTObjectIdentifiers.id_aes256_wrap : NISTObjectIdentifiers.id_aes128_wrap);
        ASN1EncodableVector keys = new ASN1EncodableVector();
        for (String reader : words.subList(2, words.size())) {
            X509CertificateHolder one = new JcaX509CertificateHolder(certificate(reader));
            RFC3394WrapEngine engine = new RFC3394WrapEngine(new AESEngine());
            engine.init(true, new KeyParameter(wrappingKey(
                ephemeral, one.getSubjectPublicKeyInfo().getPublicKeyData().getBytes(), wrap, ukm,
                digests.get(words.get(1)))));
            keys.add(new RecipientEncryptedKey(
                new KeyAgreeRecipientIdentifier(new IssuerAndSerialNumber(one.getIssuer(), one.getSerialNumber())),
                new DEROctetString(engine.wrap(contentKey, 0, contentKey.length))));
        }
        KeyAgreeRecipientInfo info = new KeyAgreeRecipientInfo(
            new OriginatorIdentifierOrKey(new OriginatorPublicKey(
                new AlgorithmIdentifier(EdECObjectIdentifiers.id_X25519), ephemeral.generatePublicKey().getEncoded())),
            ukm == null ? null : new DEROctetString(ukm),
            new AlgorithmIdentifier(PKCSObjectIdentifiers.id_alg.branch(schemes.get(words.get(1))), wrap),
            new DERSequence(keys));
        GCMBlockCipher cipher = new GCMBlockCipher(new AESEngine());
        cipher.init(true, new AEADParameters(new KeyParameter(contentKey), 128, nonce));
        byte[] out = new byte[cipher.getOutputSize(content.length)];
        cipher.doFinal(out, cipher.processBytes(content, 0, content.length, out, 0));
        EncryptedContentInfo encrypted = new EncryptedContentInfo(
            PKCSObjectIdentifiers.data,
            new AlgorithmIdentifier(larger ? NISTObjectIdentifiers.id_aes256_GCM : NISTObjectIdentifiers.id_aes128_GCM,
                                    new GCMParameters(nonce, 16)),
            new DEROctetString(Arrays.copyOf(out, content.length)));
        AuthEnvelopedData sealed = new AuthEnvelopedData(
            null, new DERSet(new RecipientInfo(info)), encrypted, null,
            new DEROctetString(Arrays.copyOfRange(out, content.length, out.length)), null);
        return new ContentInfo(CMSObjectIdentifiers.authEnvelopedData, sealed).getEncoded(ASN1Encoding.DER);
    }

    private static byte[] openByParts(byte[] der, X509Certificate certificate, PrivateKey key) throws Exception {
        AuthEnvelopedData sealed = AuthEnvelopedData.getInstance(ContentInfo.getInstance(der).getContent());
        Object[] mine = find(sealed, certificate);
        byte[] encryptedKey = ((RecipientEncryptedKey) mine[1]).getEncryptedKey().getOctets();
        EncryptedContentInfo content = sealed.getAuthEncryptedContentInfo();
        GCMParameters gcm = GCMParameters.getInstance(content.getContentEncryptionAlgorithm().getParameters());
        byte[] sealedBytes = Arrays.concatenate(content.getEncryptedContent().getOctets(), sealed.getMac().getOctets());
        GCMBlockCipher cipher = new GCMBlockCipher(new AESEngine());
        cipher.init(false, new AEADParameters(new KeyParameter(contentKey((KeyAgreeRecipientInfo) mine[0], encryptedKey,
                                                                          key)),
                                              gcm.getIcvLen() * 8, gcm.getNonce()));
        byte[] out = new byte[cipher.getOutputSize(sealedBytes.length)];
        int length = cipher.processBytes(sealedBytes, 0, sealedBytes.length, out, 0);
        cipher.doFinal(out, length);
        return out;
    }

    private static byte[] verify(CMSSignedData signed, X509Certificate anchor) throws Exception {
        Collection<SignerInformation> signers = signed.getSignerInfos().getSigners();
        if (signers.size() != 1) {
            throw new IllegalArgumentException(signers.size() + " signers");
        }
        SignerInformation signer = signers.iterator().next();
        @SuppressWarnings("unchecked")
        Collection<X509CertificateHolder> found = signed.getCertificates().getMatches(signer.getSID());
        X509Certificate certificate =
            new JcaX509CertificateConverter().setProvider(BC).getCertificate(found.iterator().next());
        certificate.verify(anchor.getPublicKey(), BC);
        certificate.checkValidity();
        if (!signer.verify(new JcaSimpleSignerInfoVerifierBuilder().setProvider(BC).build(certificate))) {
            throw new IllegalArgumentException("the signature does not verify");
        }
        return (byte[]) signed.getSignedContent().getContent();
    }

    /** dhSinglePass-stdDH-sha256kdf-scheme, or with P-384 sha384kdf (RFC 5753). */
    private static JceKeyAgreeRecipientInfoGenerator onCurve(String curve) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC", BC);
        generator.initialize(new ECGenParameterSpec(curve));
        KeyPair ephemeral = generator.generateKeyPair();
        boolean larger = curve.equals("P-384");
        return new JceKeyAgreeRecipientInfoGenerator(
            larger ? CMSAlgorithm.ECDH_SHA384KDF : CMSAlgorithm.ECDH_SHA256KDF, ephemeral.getPrivate(),
            ephemeral.getPublic(), larger ? CMSAlgorithm.AES256_WRAP : CMSAlgorithm.AES128_WRAP).setProvider(BC);
    }

    /** `transport` is how keys get to readers with RSA; null: PKCS#1 v1.5. */
    private static void addReaders(CMSEnvelopedGenerator maker, List<String> readers, AlgorithmIdentifier transport)
        throws Exception {
        Map<String, JceKeyAgreeRecipientInfoGenerator> curves = new HashMap<>();
        for (String reader : readers) {
            X509Certificate one = certificate(reader);
            if (one.getPublicKey() instanceof RSAPublicKey) {
                JceKeyTransRecipientInfoGenerator key = transport == null
                    ? new JceKeyTransRecipientInfoGenerator(one)
                    : new JceKeyTransRecipientInfoGenerator(one, transport);
                maker.addRecipientInfoGenerator(key.setProvider(BC));
                continue;
            }
            int bits = ((ECPublicKey) one.getPublicKey()).getParams().getCurve().getField().getFieldSize();
            String curve = "P-" + bits;
            if (!curves.containsKey(curve)) {
                curves.put(curve, onCurve(curve));
                maker.addRecipientInfoGenerator(curves.get(curve));
            }
            curves.get(curve).addRecipient(one);
        }
    }

    private static byte[] envelop(byte[] content, List<String> readers) throws Exception {
        CMSEnvelopedDataGenerator maker = new CMSEnvelopedDataGenerator();
        addReaders(maker, readers, null);
        return maker.generate(new CMSProcessableByteArray(content),
                              new JceCMSContentEncryptorBuilder(CMSAlgorithm.AES128_CBC).setProvider(BC).build())
            .toASN1Structure().getEncoded(ASN1Encoding.DER);
    }

    private static byte[] seal(byte[] content, List<String> words) throws Exception {
        String digest = words.get(1);
        CMSAuthEnvelopedDataGenerator maker = new CMSAuthEnvelopedDataGenerator();
        addReaders(maker, words.subList(2, words.size()), new JcaAlgorithmParametersConverter().getAlgorithmIdentifier(
            PKCSObjectIdentifiers.id_RSAES_OAEP,
            new OAEPParameterSpec(digest, "MGF1", new MGF1ParameterSpec(digest), PSource.PSpecified.DEFAULT)));
        CMSAuthEnvelopedData sealed = maker.generate(new CMSProcessableByteArray(content), (OutputAEADEncryptor)
            new JceCMSContentEncryptorBuilder(words.get(0).equals("AES256") ? CMSAlgorithm.AES256_GCM
                                             : CMSAlgorithm.AES128_GCM).setProvider(BC).build());
        return sealed.toASN1Structure().getEncoded(ASN1Encoding.DER);
    }

    private static byte[] sign(byte[] content, X509Certificate certificate, PrivateKey key, String algorithm)
        throws Exception {
        CMSSignedDataGenerator maker = new CMSSignedDataGenerator();
        maker.addSignerInfoGenerator(new JcaSignerInfoGeneratorBuilder(
            new JcaDigestCalculatorProviderBuilder().setProvider(BC).build()).build(
                new JcaContentSignerBuilder(algorithm).setProvider(BC).build(key), certificate));
        maker.addCertificates(new JcaCertStore(List.of(certificate)));
        CMSSignedData signed = maker.generate(new CMSProcessableByteArray(content), true);
        return signed.toASN1Structure().getEncoded(ASN1Encoding.DER);
    }
}
