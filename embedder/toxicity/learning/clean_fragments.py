"""Clean text of the project's own that is no English sentence: rows of tables, references, addresses, other languages.

A model that has seen nothing but English sentences as clean text answers about one half to whatever is none, and real
documents are full of it. Like the sentences of `clean_text.py`, these fragments are put together from patterns: nothing
is copied, names and works are made up, hosts are those reserved for examples (RFC 2606).

They tell the model what such text looks like, not what another language means: abuse that is not English stays unseen.
"""

from __future__ import annotations

from typing import TypeAlias

Patterns: TypeAlias = tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]

_ROWS = (
    "Total", "Net sales", "Carried forward", "Region North", "Item 14", "Opening balance", "[3]", "Headcount",
    "Average", "Number of returns", "Other assets", "Q3", "Unit price", "Variance", "Part no. 7731-B",
)  # fmt: skip
_CELLS = (
    "1,204", "0.35", "n/a", "-", "98.6 %", "2019", "(412)", "none", "null", "0", "17", "EUR 5,000", "yes", "no", "x",
    "nan", "#REF!", "12:45", "2024-03-31", "TRUE",
)  # fmt: skip
_MARKS = ("a", "b", "c", "(iv)", "1.", "2.3", "§ 7", "A", "x", "y", "n", "k", "ii", "B-12", "Fig. 3")
_TITLES = (
    "Monthly figures by region", "List of annexes", "Scope and definitions", "Floor plan of the ground floor",
    "Change history", "Terms of delivery", "Distribution list", "Open items", "Spare parts", "Further reading",
)  # fmt: skip
_AUTHORS = (
    "Meyer K", "Okafor J", "Tanaka H", "Lindqvist A", "Rossi M", "van Dijk P", "Kowalska E", "Haddad S", "Brown T",
    "Nguyen L", "Fischer G", "Almeida R",
)  # fmt: skip
_WORKS = (
    "Corrosion of welded joints in sea water", "A survey of index structures", "Blood pressure in shift workers",
    "Notes on the design of compilers", "Yields of winter wheat under drought", "Tax reform and small firms",
    "The ducts of the heating system", "Early maps of the river delta", "On the noise of turbines",
)  # fmt: skip
_JOURNALS = ("J Harb Mech", "Proc. Inst. Mills", "Acta Tritici", "Ann Shift Med", "Index. Lett.", "Delta Bull.")
_YEARS = ("1974", "1988", "1996", "2003", "2011", "2018", "2022")
_HOSTS = ("intranet.example", "www.example.org", "files.example.com", "docs.example.net", "wiki.example")
_FOLDERS = ("reports", "var/log", "etc", "home/build", "2023/04", "share/templates", "usr/local/bin", "archive")
_FILES = ("index.html", "passwd", "invoice-0042.pdf", "README", "export.csv", "minutes.docx", "run.sh", "data.xml")
_PEOPLE = ("j.miller", "info", "a.schmidt", "sales", "no-reply", "h.dubois", "helpdesk")
_COMMANDS = ("grep -n total", "ls -la", "cp -r", "chmod 644", "tail -f", "cat", "scp", "diff -u", "tar xzf")
_COLUMNS = ("id", "created_at", "amount", "owner", "status", "sku", "country")
_TABLES = ("orders", "people", "invoices", "stock", "events")

# Words of the placeholder text that typesetters have long used, put together as it comes.
_LATIN = (
    "Integer", "Aenean", "Vestibulum", "Quisque", "Praesent", "Lorem", "Mauris", "Sed", "Ut", "In", "Etiam", "Proin",
)  # fmt: skip
_LATIN_VERBS = ("ipsum dolor", "sit amet", "vitae", "eget", "in hac habitasse", "ac ante", "non", "feugiat", "at")
_LATIN_ENDS = ("platea dictumst", "magna", "porta sem", "consectetur adipiscing", "tortor", "luctus arcu", "rutrum")

# Subject, verb and end of short business sentences; any of a language's go together.
_LANGUAGES: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    (
        ("Der Bericht", "Die Abteilung Einkauf", "Das Protokoll", "Die Rechnung", "Der Vertrag", "Die Lieferung"),
        ("wurde am Montag geprüft", "liegt der Buchhaltung vor", "geht an den Kunden", "wird noch ergänzt"),
        ("und ist vollständig", "wie besprochen", "bis Ende des Monats", "mit allen Anlagen", "laut Satzung"),
    ),
    (
        ("Le rapport", "La facture", "Le service des achats", "Le contrat", "La commande"),
        ("attend une signature", "arrive chez le client", "reste à compléter", "se trouve dans le dossier"),
        ("avant la fin du mois", "comme convenu", "avec toutes les annexes", "lundi matin"),
    ),
    (
        ("El informe", "La factura", "El departamento de compras", "El contrato", "La solicitud", "El pedido"),
        ("llega al cliente", "sigue pendiente", "espera la firma", "se guarda en el archivo"),
        ("antes de fin de mes", "según lo acordado", "con todos los anexos", "el lunes por la mañana"),
    ),
    (
        ("Il rapporto", "La fattura", "L'ufficio acquisti", "Il contratto", "La richiesta", "L'ordine"),
        ("arriva al cliente", "attende la firma", "passa in contabilità", "si trova nella cartella"),
        ("entro la fine del mese", "come concordato", "con tutti gli allegati", "lunedì mattina"),
    ),
    (
        ("O relatório", "A fatura", "O contrato", "A proposta", "O setor de compras", "O pedido"),
        ("chega ao cliente", "aguarda assinatura", "passa pela contabilidade", "fica na pasta do projeto"),
        ("até o fim do mês", "como combinado", "com todos os anexos", "na segunda-feira"),
    ),
    (
        ("Het rapport", "De factuur", "De afdeling inkoop", "Het contract", "De vergadering", "Elke medewerker"),
        ("is maandag gecontroleerd", "gaat naar de klant", "moet worden getekend", "staat in de map"),
        ("voor het einde van de maand", "zoals afgesproken", "met alle bijlagen"),
    ),
    (
        ("Raport", "Faktura", "Dział zakupów", "Umowa", "Protokół ze spotkania"),
        ("czeka na akceptację", "trafi do klienta", "wymaga podpisu", "jest w folderze projektu"),
        ("do końca miesiąca", "zgodnie z ustaleniami", "razem z załącznikami"),
    ),
    (
        ("Rapporten", "Fakturan", "Inköpsavdelningen", "Avtalet", "Protokollet"),
        ("har granskats", "skickas till kunden", "ska undertecknas", "finns i mappen"),
        ("före månadens slut", "enligt överenskommelse", "med alla bilagor"),
    ),
    (
        ("Rapor", "Fatura", "Satın alma birimi", "Sözleşme", "Toplantı tutanağı"),
        ("kontrol edildi", "müşteriye gönderilecek", "imzalanmalıdır", "proje klasöründedir"),
        ("ay sonuna kadar", "kararlaştırıldığı gibi", "tüm ekleriyle birlikte"),
    ),
    (
        ("Отчёт", "Счёт", "Отдел закупок", "Договор", "Протокол собрания"),
        ("проверен в понедельник", "отправлен заказчику", "ждёт подписи", "лежит в папке проекта"),
        ("до конца месяца", "как договорились", "со всеми приложениями"),
    ),
    (
        ("Η αναφορά", "Το τιμολόγιο", "Η σύμβαση", "Τα πρακτικά"),
        ("ελέγχθηκε τη Δευτέρα", "στέλνεται στον πελάτη", "πρέπει να υπογραφεί"),
        ("έως το τέλος του μήνα", "όπως συμφωνήθηκε", "με όλα τα παραρτήματα"),
    ),
    (
        ("报告", "发票", "合同", "会议记录", "采购部"),
        ("已经检查完毕", "将发送给客户", "需要签字", "保存在项目文件夹中"),
        ("月底之前", "按照约定", "包括所有附件"),
    ),
    (
        ("報告書は", "請求書は", "契約書は", "議事録は"),
        ("確認されました", "お客様に送付されます", "署名が必要です", "フォルダーにあります"),
        ("月末までに", "合意のとおり", "すべての添付とともに"),
    ),
    (
        ("التقرير", "الطلب", "العقد", "محضر الاجتماع"),
        ("تمت مراجعته", "سيرسل إلى العميل", "يحتاج إلى توقيع", "محفوظ في مجلد المشروع"),
        ("قبل نهاية الشهر", "كما اتفقنا", "مع جميع المرفقات"),
    ),
)

# Each pattern with the words for its places.
FRAGMENT_PATTERNS: Patterns = (
    ("{0} {1} {2} {1}", (_ROWS, _CELLS, _CELLS)),
    ("{0}: {1} {1} {1} {2} {1} {1} {1} {1}", (_ROWS, _CELLS, _CELLS)),
    ("{0} | {1} | {2}", (_ROWS, _CELLS, _CELLS)),
    ("{0} {1}\n{2}", (_MARKS, _MARKS, _MARKS)),
    ("{0} {1}", (_MARKS, _TITLES)),
    ("{0}. {1}. {2}, {3}.", (_AUTHORS, _WORKS, _JOURNALS, _YEARS)),
    ("{0}, {1}, et al. ({2})", (_AUTHORS, _AUTHORS, _YEARS)),
    ('"{0}", {1} {2}', (_WORKS, _JOURNALS, _YEARS)),
    ("https://{0}/{1}/{2}", (_HOSTS, _FOLDERS, _FILES)),
    ("{0} .", (_HOSTS,)),
    ("{0}@{1}", (_PEOPLE, _HOSTS)),
    ("{0} /{1}/{2}", (_COMMANDS, _FOLDERS, _FILES)),
    ("SELECT {0}, {1} FROM {2} WHERE {0} IS NOT NULL;", (_COLUMNS, _COLUMNS, _TABLES)),
    ("{0} {1} {2}.", (_LATIN, _LATIN_VERBS, _LATIN_ENDS)),
    ("{0} {1} {2}, {3} {2}.", (_LATIN, _LATIN_VERBS, _LATIN_ENDS, _LATIN_VERBS)),
    *(("{0} {1} {2}.", language) for language in _LANGUAGES),
)  # fmt: skip
